import type { OpenReport, OpenShown } from "../src/intent/OpenReport.ts"
import { Table } from "./Room.tsx"

const percent = (value: number | null) => (value === null ? "–" : `${(100 * value).toFixed(1)} %`)

/** Ends of the scale, in percent: the least that holds every probability shown. */
const scales = [5, 10, 20, 50, 100]

const scaleOf = (sessions: ReadonlyArray<OpenShown>): number => {
  const most = Math.max(
    0,
    ...sessions.flatMap(({ challenger, champion }) => [champion ?? 0, challenger ?? 0])
  )
  return (scales.find((end) => 100 * most <= end) ?? 100) / 100
}

const width = 180
const height = 14

/** The champion's probability as a bar, the challenger's as a line across it. */
const Gauge = ({ session, scale }: { session: OpenShown; scale: number }) => {
  const { challenger, champion } = session
  const place = (value: number) => Math.min(width, (value / scale) * width)
  return (
    <svg
      class="gauge"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`champion ${percent(champion)}, challenger ${percent(challenger)}`}
    >
      <rect class="ground" x={0} y={4} width={width} height={6} />
      <rect class="champion" x={0} y={4} width={place(champion ?? 0)} height={6} />
      {challenger === null ? null : (
        <rect class="challenger" x={Math.min(width - 2, place(challenger))} y={0} width={2} height={height} />
      )}
    </svg>
  )
}

const step = 3

/** How the champion's probability went, click by click; nothing while it was silent. */
const Course = ({ session, scale }: { session: OpenShown; scale: number }) => {
  const points = session.history.flatMap((value, i) =>
    value === null ? [] : [`${i * step + 1},${(height - 1 - (value / scale) * (height - 2)).toFixed(1)}`]
  )
  const wide = Math.max(step, session.history.length * step)
  return (
    <svg class="course" width={wide} height={height} viewBox={`0 0 ${wide} ${height}`} aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  )
}

const sign = (value: number) => `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`

/** The open sessions, likeliest buyers first. */
export const OpenShoppers = ({ report }: { report: OpenReport }) => {
  const scale = scaleOf(report.sessions)
  return (
    <Table
      label="Open sessions, likeliest buyers first"
      head={[
        "visitor",
        "clicks",
        `0 to ${100 * scale} %`,
        "champion",
        "challenger",
        "click by click",
        "what moves it most (log-odds)"
      ]}
      numbers={[1, 3, 4]}
    >
      {report.sessions.map((session) => (
        <tr key={session.sessionId}>
          <td>{session.key.slice(0, 8)}</td>
          <td class="number">{session.clicks}</td>
          <td>
            <Gauge session={session} scale={scale} />
          </td>
          <td class="number">{percent(session.champion)}</td>
          <td class="number">{percent(session.challenger)}</td>
          <td>
            <Course session={session} scale={scale} />
          </td>
          <td class="reasons">
            {session.reasons.map(({ count, logOdds, what }) => (
              <span key={what}>
                {what}
                {count > 1 ? ` ×${count}` : ""} <b class={logOdds > 0 ? "up" : "down"}>{sign(logOdds)}</b>
              </span>
            ))}
          </td>
        </tr>
      ))}
    </Table>
  )
}
