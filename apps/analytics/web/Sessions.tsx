import type { SessionShown } from "../src/Api.ts"
import { Room, Table } from "./Room.tsx"
import { sessions, status } from "./store.ts"

const kinds = ["view", "click", "detail", "add", "remove", "purchase"] as const

const time = (millis: number) => new Date(millis).toISOString().slice(0, 16).replace("T", " ")

const lasting = (session: SessionShown) => {
  const seconds = Math.round((session.lastMillis - session.startMillis) / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}

const Mix = ({ symbols, total }: { symbols: Readonly<Record<string, number>>; total: number }) => (
  <>
    {kinds.map((kind) => {
      const count = symbols[kind] ?? 0
      return count === 0 ? null : (
        <i
          key={kind}
          class={kind}
          style={{ width: `${(100 * count) / total}%` }}
          title={`${kind} ${count}`}
        />
      )
    })}
  </>
)

const Row = ({ session }: { session: SessionShown }) => {
  const bought = (session.symbols["purchase"] ?? 0) > 0
  return (
    <tr>
      <td>{session.key}</td>
      <td>{time(session.startMillis)}</td>
      <td class="number">{lasting(session)}</td>
      <td class="number">{session.events}</td>
      <td>
        <div class="mix">
          <Mix symbols={session.symbols} total={session.events} />
        </div>
      </td>
      <td class={bought ? "bought" : ""}>{bought ? "purchase" : ""}</td>
    </tr>
  )
}

/** The room of sessions: figures over all of them, and the last ones that closed. */
export const Sessions = () => {
  const now = status.value
  const clicks = Object.values(now?.symbols ?? {}).reduce((sum, count) => sum + count, 0)
  return (
    <Room
      title="Sessions"
      note="A visitor's clicks with no silence longer than 30 minutes between them, closed by the watermark."
    >
      <dl>
        <div>
          <dt>clicks in the topic</dt>
          <dd>{now?.clicks ?? "–"}</dd>
        </div>
        <div>
          <dt>sessions closed</dt>
          <dd>{now?.sessions ?? "–"}</dd>
        </div>
        <div>
          <dt>with a purchase</dt>
          <dd>{now?.purchaseSessions ?? "–"}</dd>
        </div>
        <div>
          <dt>broker</dt>
          <dd>{now ? `${now.broker}, ${now.durability}` : "–"}</dd>
        </div>
      </dl>
      {clicks === 0 ? null : (
        <>
          <div class="bar" role="img" aria-label="Clicks by kind">
            <Mix symbols={now?.symbols ?? {}} total={clicks} />
          </div>
          <div class="legend">
            {kinds.map((kind) => (
              <span key={kind}>
                <i class={kind} />
                {kind} {now?.symbols[kind] ?? 0}
              </span>
            ))}
          </div>
        </>
      )}
      <Table
        label="The last sessions that closed"
        head={["visitor", "began (UTC)", "lasted", "clicks", "of kinds", "outcome"]}
        numbers={[2, 3]}
      >
        {sessions.value.map((session) => (
          <Row key={session.sessionId} session={session} />
        ))}
      </Table>
    </Room>
  )
}
