import type { RowChanged } from "../src/social/SocialStatus.ts"
import type { TrendingReport } from "../src/social/TrendingReport.ts"
import { Room, Table } from "./Room.tsx"
import { Figure } from "./StoryRoom.tsx"
import { changes, social, trending } from "./social.ts"
import { replayKey } from "./story.ts"
import { count, rowText, spelled, windowText } from "./text.ts"

const Ranking = ({ title, places }: { title: string; places: TrendingReport["trendingHour"] }) => {
  const most = Math.max(1, ...places.map(({ score }) => score))
  return (
    <div>
      <h3>{title}</h3>
      <ol class="ranking">
        {places.map(({ name, score }) => (
          <li key={name}>
            <span class="name">{spelled(name)}</span>
            <span class="number">{count(score)}</span>
            <i style={{ width: `${Math.max(0, (100 * score) / most)}%` }} />
          </li>
        ))}
      </ol>
    </div>
  )
}

/** Takes a row to the room where its history is told. */
const ask = (key: string) => {
  replayKey.value = key
  document.querySelector<HTMLInputElement>("#replay-key")?.focus()
}

const Change = ({ change }: { change: RowChanged }) => (
  <tr>
    <td class="number">{change.sequence}</td>
    <td>
      <button type="button" class="link" title="How did it come about?" onClick={() => ask(change.key)}>
        {windowText(change.time)}, {spelled(change.name)}, partition {change.partition}
      </button>
    </td>
    <td>{rowText(change.row)}</td>
    <td class="number">{change.raw}</td>
  </tr>
)

/** The room of what trends: what every reader of the served rows is told now. */
export const Trending = () => {
  const now = trending.value
  const standing = social.value
  return (
    <Room
      title="Trending"
      note={
        now === undefined
          ? "…"
          : `What readers of the served rows are told. Version ${now.version} is served: ${now.rules}.`
      }
    >
      <dl>
        <Figure name="served version" value={now?.version ?? "–"} />
        <Figure name="records of the feed" value={now ? count(now.records) : "–"} />
        <Figure
          name="come in"
          value={standing ? `${Math.round(standing.perSecond * 10) / 10} records/s` : "–"}
        />
        <Figure name="rows served" value={now ? count(now.rows) : "–"} />
      </dl>
      {now === undefined ? null : (
        <>
          <div class="rankings">
            <Ranking title={`Topics, hour ${windowText(now.hour)}`} places={now.trendingHour} />
            <Ranking title={`Topics, day ${now.day}`} places={now.trendingDay} />
            <Ranking title={`Influential, month ${now.month}`} places={now.influential} />
          </div>
          <h3>Topics among the first 5 in at least 6 hours of a day, with the hours</h3>
          <dl class="days">
            {now.consistent.map(({ day, topics }) => (
              <div key={day}>
                <dt>{day}</dt>
                <dd>{topics === "" ? "none yet" : topics}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
      <h3>Where each version is</h3>
      <Table
        label="Where each version is"
        head={["version", "records folded", "behind", "changes of rows", "rules"]}
        numbers={[1, 2, 3]}
      >
        {(standing?.editions ?? []).map(({ behind, changes: made, folded, isRunning, rules, version }) => (
          <tr key={version}>
            <td>
              {version}
              {version === now?.version ? ", served" : isRunning ? ", running" : ", not running"}
            </td>
            <td class="number">{isRunning ? count(folded) : "–"}</td>
            <td class="number">{isRunning ? count(behind) : "–"}</td>
            <td class="number">{isRunning ? count(made) : "–"}</td>
            <td>{rules}</td>
          </tr>
        ))}
      </Table>
      <h3>Rows that changed last</h3>
      <Table
        label="Rows that changed last"
        head={["served at", "row", "now", "by raw record"]}
        numbers={[0, 3]}
      >
        {changes.value.map((change) => (
          <Change key={`${change.version}-${change.sequence}`} change={change} />
        ))}
      </Table>
    </Room>
  )
}
