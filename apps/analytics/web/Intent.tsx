import type { OpenReport } from "../src/intent/OpenReport.ts"
import { layers, open } from "./intent.ts"
import { Layers } from "./Layers.tsx"
import { OpenShoppers } from "./OpenShoppers.tsx"
import { Room } from "./Room.tsx"
import { Figure } from "./StoryRoom.tsx"
import { count } from "./text.ts"

const kinds = ["view", "detail", "add", "remove", "purchase", "click"]
/** The symbol of each kind. */
const symbols = [1, 2, 3, 4, 5, 6]

const modelText = (model: OpenReport["champion"]) =>
  model === null ? "learning…" : `${model.model}, revision ${model.revision}`

/** The room of shoppers' intent: from clicks to symbols, and how likely each open session is to end in a purchase. */
export const Intent = () => {
  const now = open.value
  const seen = layers.value
  return (
    <Room
      title="Shopper intent"
      note={`Clicks become sessions, sessions become symbols, and after every click from the ${now?.fromClicks ?? 5}th on two models say how likely a purchase is. What is said of a purchase never saw it: a trajectory ends before it.`}
      busy={now?.champion === null}
    >
      <dl>
        <Figure name="champion" value={now ? modelText(now.champion) : "–"} />
        <Figure name="challenger, in its shadow" value={now ? modelText(now.challenger) : "–"} />
        <Figure
          name="clicks scored, corrected"
          value={now ? `${count(now.scored)}, ${count(now.corrected)}` : "–"}
        />
        <Figure
          name="sessions open, models swapped"
          value={now ? `${count(now.open)}, ${count(now.swaps)}` : "–"}
        />
      </dl>
      {now?.refused ? <p role="alert">{now.refused}</p> : null}
      <div class="legend">
        {kinds.map((kind, i) => (
          <span key={kind}>
            <i class={kind} />
            {symbols[i]} {kind}
          </span>
        ))}
      </div>
      {seen === undefined ? null : <Layers report={seen} />}
      <h3>Open now, likeliest buyers first</h3>
      <p class="key">
        <svg class="gauge" width={24} height={14} aria-hidden="true">
          <rect class="champion" x={0} y={4} width={24} height={6} />
        </svg>{" "}
        champion{" "}
        <svg class="gauge" width={6} height={14} aria-hidden="true">
          <rect class="challenger" x={2} y={0} width={2} height={14} />
        </svg>{" "}
        challenger
      </p>
      {now === undefined ? null : now.sessions.length === 0 ? (
        <p>
          {now.champion === null ? "The models are being trained." : "No open session has come so far yet."}
        </p>
      ) : (
        <OpenShoppers report={now} />
      )}
    </Room>
  )
}
