import type { LaneName, OrderStatus } from "../src/LaneEvent.ts"
import { AnswerChart } from "./AnswerChart.tsx"
import { lanes } from "./store.ts"

const shown = 300
const millis = (value: number) =>
  value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`

const Figure = ({ name, value, tone }: { name: string; value: string | number; tone?: string }) => (
  <div>
    <dt>{name}</dt>
    <dd class={tone ?? ""}>{value}</dd>
  </div>
)

const legend: ReadonlyArray<readonly [OrderStatus, string]> = [
  ["placed", "waiting"],
  ["charged", "in work"],
  ["shipped", "shipped"],
  ["rejected", "rejected for a stated reason"]
]

/** One lane: its figures, its answer times, and each of its orders as a square. */
export const Lane = ({ lane, title, note }: { lane: LaneName; title: string; note: string }) => {
  const { stats, orders } = lanes[lane]
  const now = stats.value
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <p>{note}</p>
      <dl>
        <Figure name="placed" value={now?.placed ?? "–"} />
        <Figure name="accepted" value={now?.accepted ?? "–"} />
        <Figure name="refused" value={now?.refused ?? "–"} tone={now && now.refused > 0 ? "bad" : ""} />
        <Figure name="shipped" value={now?.shipped ?? "–"} />
        <Figure name="answer p50" value={now ? millis(now.answerMillisP50) : "–"} />
        <Figure name="answer p99" value={now ? millis(now.answerMillisP99) : "–"} />
        <Figure name="backlog" value={now?.backlog ?? "–"} tone={now && now.backlog > 20 ? "wait" : ""} />
        <Figure name="rejected" value={now?.rejected ?? "–"} />
      </dl>
      <AnswerChart lane={lane} />
      <div class="strip" role="img" aria-label={`The last ${shown} orders`}>
        {[...orders.value.values()].slice(-shown).map((order) => (
          <i
            key={order.orderId}
            class={order.status}
            title={`${order.reference}: ${order.status}${order.reason ? `, ${order.reason}` : ""}`}
          />
        ))}
      </div>
      <div class="strip legend">
        {legend.map(([status, label]) => (
          <span key={status}>
            <i class={status} />
            {label}
          </span>
        ))}
      </div>
    </section>
  )
}
