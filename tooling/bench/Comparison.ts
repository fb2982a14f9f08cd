import {
  type Bench,
  type Case,
  type Contender,
  type Durability,
  Measured,
  type Turn,
  type Unit
} from "./Bench.ts"
import type { Stopwatch } from "./Stopwatch.ts"

/** How a side did over all its turns: the median figure, and the median wall and CPU time of a turn. */
export interface Standing {
  readonly value: number
  readonly wallMillis: number
  readonly cpuMillis: number
}

/** The outcome of one case. Ratios are those of neighbouring turns, and better when higher whatever the unit. */
export interface Comparison {
  readonly bench: string
  readonly case: string
  readonly unit: Unit
  readonly durability: Durability
  readonly ours: Standing
  readonly rival: Standing
  readonly rivalName: string
  readonly ratio: number
  readonly ratioMin: number
  readonly ratioMax: number
}

/** How often each side takes its turn. */
export interface Rounds {
  readonly warmUp: number
  readonly measured: number
}

/** Enough for a first impression, and for a figure that is written down. */
export const rounds = (quick: boolean): Rounds =>
  quick ? { warmUp: 1, measured: 5 } : { warmUp: 3, measured: 15 }

const millisPer: Partial<Record<Unit, number>> = { s: 1e3, ms: 1, µs: 1e-3, ns: 1e-6 }

const isRate = (unit: Unit): boolean => unit.endsWith("/s")

/** What the harness says about a run that took `wallMillis`, in the unit of its case. */
const figure = (title: string, unit: Unit, outcome: unknown, wallMillis: number): number => {
  if (outcome instanceof Measured) return outcome.value
  if (isRate(unit) && typeof outcome === "number") return outcome / (wallMillis / 1e3)
  const millis = millisPer[unit]
  if (millis !== undefined && outcome === undefined) return wallMillis / millis
  throw new TypeError(
    `"${title}" is in ${unit}, and a run returned ${String(outcome)}: ` +
      `return how many operations it did for a rate, nothing for a time, or measured(…) for anything else.`
  )
}

const takeTurn = async (
  { case: title, unit }: Case,
  contender: Contender,
  turn: Turn,
  stopwatch: Stopwatch
): Promise<Standing> => {
  const cpu = stopwatch.cpuMillis()
  const wall = stopwatch.wallMillis()
  const pending = contender.run(turn)
  // Awaiting a plain value would cost a turn of the event loop that a synchronous contender never takes.
  const outcome = pending instanceof Promise ? await pending : pending
  const wallMillis = stopwatch.wallMillis() - wall
  const cpuMillis = stopwatch.cpuMillis() - cpu
  const value = figure(title, unit, outcome, wallMillis)
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(
      `"${title}": a turn came out as ${value} ${unit}; it has to be long enough to be measured.`
    )
  }
  return { value, wallMillis, cpuMillis }
}

/** The middle value, or the mean of the two middle values. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((left, right) => left - right)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2
}

const standing = (turns: ReadonlyArray<Standing>): Standing => ({
  value: median(turns.map(({ value }) => value)),
  wallMillis: median(turns.map(({ wallMillis }) => wallMillis)),
  cpuMillis: median(turns.map(({ cpuMillis }) => cpuMillis))
})

const compare = async (
  bench: string,
  subject: Case,
  turn: Turn,
  count: Rounds,
  stopwatch: Stopwatch
): Promise<Comparison> => {
  const ours: Array<Standing> = []
  const rival: Array<Standing> = []
  for (let round = 0; round < count.warmUp + count.measured; round++) {
    // Who goes first changes every round, so that neither side always finds the caches and the heap of the other.
    const order = round % 2 === 0 ? [subject.ours, subject.rival] : [subject.rival, subject.ours]
    for (const contender of order) {
      const result = await takeTurn(subject, contender, turn, stopwatch)
      if (round >= count.warmUp) (contender === subject.ours ? ours : rival).push(result)
    }
  }
  const ratios = ours.map(({ value }, round) => {
    const other = rival[round]?.value ?? Number.NaN
    return isRate(subject.unit) ? value / other : other / value
  })
  return {
    bench,
    case: subject.case,
    unit: subject.unit,
    durability: subject.ours.durability,
    ours: standing(ours),
    rival: standing(rival),
    rivalName: subject.rival.name,
    ratio: median(ratios),
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios)
  }
}

/** Runs a bench, case by case; every side that was set up is torn down, also when a turn fails. */
export async function* compareAll(
  { name, cases }: Bench,
  options: { readonly turn: Turn; readonly rounds: Rounds; readonly stopwatch: Stopwatch }
): AsyncGenerator<Comparison> {
  for (const subject of cases) {
    await using teardown = new AsyncDisposableStack()
    for (const contender of [subject.ours, subject.rival]) {
      teardown.defer(async () => contender.teardown?.())
      await contender.setup?.(options.turn)
    }
    yield await compare(name, subject, options.turn, options.rounds, options.stopwatch)
  }
}
