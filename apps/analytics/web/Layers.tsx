import type { LayersReport } from "../src/intent/LayersReport.ts"
import { kindOf } from "./intent.ts"
import { Table } from "./Room.tsx"

type Session = LayersReport["sessions"][number]

/** Symbols of a long session that are shown: the last ones. */
const shownSymbols = 30

const time = (millis: number) => new Date(millis).toISOString().slice(11, 19)

const short = (key: string) => key.slice(0, 8)

/** The session as a row of coloured cells, its cut part behind a gap. */
const Strip = ({ cut, events }: Pick<Session, "cut" | "events">) => {
  const seen = events.length - cut
  const from = Math.max(0, events.length - shownSymbols)
  return (
    <div class="strip" role="img" aria-label={events.map(({ symbol }) => kindOf(symbol)).join(", ")}>
      {from === 0 ? null : <span>…</span>}
      {events.slice(from).map(({ eventId, symbol }, i) => (
        <i
          key={eventId}
          class={from + i === seen ? `${kindOf(symbol)} first-cut` : kindOf(symbol)}
          title={kindOf(symbol)}
        />
      ))}
    </div>
  )
}

const outcomeOf = ({ label, open }: Session) => (label === 1 ? "purchase" : open ? "open" : "no purchase")

/** Whether the trajectory has a length that models learn from. */
const keptText = ({ kept, label, open, trajectory }: Session) => {
  const { length } = trajectory
  if (kept) return "yes"
  if (length > 5) return `no, ${length}`
  return open && label === 0 ? `not yet, ${length}` : `no, ${length}`
}

const SessionRow = ({ session }: { session: Session }) => {
  const { cut, events, key, label, trajectory, why } = session
  const shown = trajectory.slice(-shownSymbols)
  return (
    <tr>
      <td>{short(key)}</td>
      <td>
        <Strip cut={cut} events={events} />
      </td>
      <td class={label === 1 ? "bought" : ""}>{outcomeOf(session)}</td>
      <td>
        <code class="symbols">
          {shown.length < trajectory.length ? "… " : ""}
          {shown.join(" ") || "–"}
          {cut === 0 ? null : <span class="quiet"> │ {cut} cut</span>}
        </code>
      </td>
      <td title={why}>{keptText(session)}</td>
    </tr>
  )
}

/** Raw events on the left, the sessions that they are and the symbols that models see on the right. */
export const Layers = ({ report }: { report: LayersReport }) => (
  <div class="layers">
    <div>
      <h3>A · raw events</h3>
      <Table label="The last clicks" head={["record", "at (UTC)", "visitor", "click"]} numbers={[0]}>
        {report.raw.map(({ eventId, key, sequence, symbol, timeMillis }) => (
          <tr key={eventId}>
            <td class="number">{sequence}</td>
            <td>{time(timeMillis)}</td>
            <td>{short(key)}</td>
            <td class="kind">
              <i class={kindOf(symbol)} />
              {kindOf(symbol)}
            </td>
          </tr>
        ))}
      </Table>
    </div>
    <div>
      <h3>→ B · sessions, labelled → C · symbols before the purchase</h3>
      <Table
        label="Their sessions and symbols"
        head={["visitor", "B: clicks", "label", "C: what a model sees", "5 to 155"]}
      >
        {report.sessions.map((session) => (
          <SessionRow key={session.sessionId} session={session} />
        ))}
      </Table>
    </div>
  </div>
)
