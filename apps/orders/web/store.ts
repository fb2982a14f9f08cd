import { type Signal, signal } from "@preact/signals"
import type { ServiceName, ServiceState } from "../src/Faults.ts"
import type { LaneEvent, LaneName, LaneStats } from "../src/LaneEvent.ts"

/** Orders kept a lane; the page shows the last few hundred of them. */
const ordersMax = 2000
/** Points of the chart: four minutes at one a second. */
const pointsMax = 240

interface Answers {
  readonly at: ReadonlyArray<number>
  readonly p50: ReadonlyArray<number>
  readonly p99: ReadonlyArray<number>
}

interface LaneSignals {
  readonly stats: Signal<LaneStats | undefined>
  readonly orders: Signal<ReadonlyMap<string, LaneEvent>>
  readonly answers: Signal<Answers>
}

const laneSignals = (): LaneSignals => ({
  stats: signal(undefined),
  orders: signal(new Map()),
  answers: signal({ at: [], p50: [], p99: [] })
})

/** What each lane shows. */
export const lanes: Readonly<Record<LaneName, LaneSignals>> = { sync: laneSignals(), queued: laneSignals() }

/** How each service behaves now. */
export const faults = signal<Readonly<Record<ServiceName, ServiceState>> | undefined>(undefined)

/** False while the shop does not answer. */
export const connected = signal(true)

const follow = (lane: LaneName) => {
  const orders = new Map<string, LaneEvent>()
  let drawing = false
  // The browser sends the last sequence it saw as Last-Event-ID when it reconnects: nothing is missed.
  new EventSource(`/lanes/${lane}/events`).addEventListener("order", (event: MessageEvent<string>) => {
    const step = JSON.parse(event.data) as LaneEvent
    orders.set(step.orderId, step)
    const oldest = orders.keys().next().value
    if (orders.size > ordersMax && oldest !== undefined) orders.delete(oldest)
    if (drawing) return
    drawing = true
    requestAnimationFrame(() => {
      drawing = false
      lanes[lane].orders.value = new Map(orders)
    })
  })
}

const keep = (values: ReadonlyArray<number>, next: number) => [...values, next].slice(-pointsMax)

const poll = async () => {
  try {
    const [stats, now] = await Promise.all([fetch("/lanes"), fetch("/faults")])
    const both = (await stats.json()) as Record<LaneName, LaneStats>
    faults.value = await now.json()
    for (const lane of ["sync", "queued"] as const) {
      const signals = lanes[lane]
      signals.stats.value = both[lane]
      const { at, p50, p99 } = signals.answers.value
      signals.answers.value = {
        at: keep(at, Date.now() / 1000),
        p50: keep(p50, both[lane].answerMillisP50),
        p99: keep(p99, both[lane].answerMillisP99)
      }
    }
    connected.value = true
  } catch {
    connected.value = false
  }
  setTimeout(poll, 1000)
}

/** Makes a service behave otherwise. */
export const setFault = async (service: ServiceName, state: ServiceState) => {
  const answer = await fetch("/faults", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ service, state })
  })
  if (answer.ok) faults.value = await answer.json()
}

follow("sync")
follow("queued")
void poll()
