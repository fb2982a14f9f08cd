/** What keeping up with a log costs: a simulated shop's events stepped over in chunks, against one sort-and-cut over all of them. */
import { define, type Turn } from "@troupe/bench"
import { Fold, Sessions } from "../src/index.ts"

interface Click {
  readonly key: string
  readonly id: string
  readonly at: number
  readonly symbol: number
}

const minute = 60_000
const spec = Sessions.define({
  key: (click: Click) => click.key,
  eventId: (click) => click.id,
  timeMillis: (click) => click.at,
  value: (click) => click.symbol,
  fold: Fold.struct({ clicks: Fold.count, purchases: Fold.countWhere((symbol: number) => symbol === 5) }),
  gapMillis: 30 * minute,
  latenessMillis: 60 * minute
})

/** A thousand shoppers at a time, each with five clicks on average, one click in all every 8 ms; sorted by time. */
const made = (events: number): ReadonlyArray<Click> => {
  let seed = 1
  const below = (n: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0
    return Math.floor(((seed >>> 0) / 4_294_967_296) * n)
  }
  let shoppers = 1000
  const present = Array.from({ length: 1000 }, (_, i) => `shopper-${i}`)
  return Array.from({ length: events }, (_, i) => {
    const place = below(1000)
    if (below(5) === 0) present[place] = `shopper-${shoppers++}`
    return { key: present[place] ?? "", id: `e${i}`, at: i * 8, symbol: 1 + below(6) }
  })
}

const chunkLength = 8192
const chunksOf = (clicks: ReadonlyArray<Click>) =>
  Array.from({ length: Math.ceil(clicks.length / chunkLength) }, (_, i) =>
    clicks.slice(i * chunkLength, (i + 1) * chunkLength)
  )

/** Every event at most 90 seconds out of place: within the watermark's delay. */
const shuffled = (clicks: ReadonlyArray<Click>): ReadonlyArray<Click> =>
  clicks
    .map((click, i) => ({ click, arrives: click.at + ((i * 7919) % 90) * 1000 }))
    .sort((a, b) => a.arrives - b.arrives)
    .map(({ click }) => click)

const loads = (turn: Turn) => {
  const clicks = made(turn.quick ? 200_000 : 1_000_000)
  return { clicks, inOrder: chunksOf(clicks), outOfOrder: chunksOf(shuffled(clicks)) }
}
let held: ReturnType<typeof loads> | undefined
const load = (turn: Turn) => {
  held ??= loads(turn)
  return held
}

const stepAll = (chunks: ReadonlyArray<ReadonlyArray<Click>>): number => {
  let state = Sessions.initial<number>()
  let events = 0
  for (const chunk of chunks) {
    state = Sessions.step(spec, state, chunk)[0]
    events += chunk.length
  }
  Sessions.end(spec, state)
  return events
}

const batchAll = (turn: Turn): number => {
  Sessions.batch(spec, load(turn).clicks)
  return load(turn).clicks.length
}

const setup = (turn: Turn): void => {
  load(turn)
}

const rival = { name: "batch, all at once", durability: "memory", setup, run: batchAll } as const

export const bench = define("sessions-step", [
  {
    case: "step, in order",
    unit: "events/s",
    ours: { durability: "memory", setup, run: (turn) => stepAll(load(turn).inOrder) },
    rival
  },
  {
    case: "step, up to 90 s out of order",
    unit: "events/s",
    ours: { durability: "memory", setup, run: (turn) => stepAll(load(turn).outOfOrder) },
    rival
  }
])
