import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

/** Says how much of a backfill may be done now. One throttle given to several views is one allowance for all of them. */
export interface Throttle {
  /** Answers how many of `records` may be handled now, at least 1, waiting until there is room for one. */
  readonly admit: (records: number) => Effect.Effect<number>
  readonly state: Effect.Effect<ThrottleState>
}

/** Where a throttle is. */
export interface ThrottleState {
  /** Records allowed a period now. */
  readonly batch: number
  /** The live latency at the last look; `undefined` where nothing was measured. */
  readonly p99Millis: number | undefined
  /** How often the batch was halved. */
  readonly cuts: number
}

/** How to follow the live latency. */
export interface AimdOptions {
  /** The p99 of live requests over the last moments (`LatencyWindow`); `undefined` counts as within the budget. */
  readonly p99Millis: Effect.Effect<number | undefined>
  /** The p99 that live requests may have. */
  readonly budgetMillis: number
  /** The backfill never stops: at least this many records a period; default 64. */
  readonly batchMin?: number
  /** Default 16 384. */
  readonly batchMax?: number
  /** Records more after a period within the budget that used its whole batch; default 256. */
  readonly increase?: number
  /** The period; default 50 ms. */
  readonly every?: Duration.Input
  /**
   * Time between two cuts, default one period. Where the p99 is of a long window, it stays high after a cut has helped: with that window's length
   * here the batch is halved once for one cause, as TCP cuts once a round trip.
   */
  readonly settle?: Duration.Input
}

const whole = (name: string, value: number): number => {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new RangeError(`Throttle.aimd: ${name} is ${value}, must be a whole number of at least 1`)
}

/**
 * Additive increase, multiplicative decrease: begins at `batchMin`; over budget halves the batch, within it adds `increase`.
 *
 * A batch that was not used up does not grow (the backfill is then limited by something else, and its allowance would mean nothing). Nothing runs
 * beside it: the latency is looked at when a period's first records are admitted.
 * Source: Chiu and Jain, Analysis of the Increase and Decrease Algorithms for Congestion Avoidance, 1989; RFC 5681; RFC 7661 for the unused batch.
 */
export const aimd = Effect.fnUntraced(function* (options: AimdOptions): Effect.fn.Return<Throttle> {
  const batchMin = whole("batchMin", options.batchMin ?? 64)
  const batchMax = Math.max(batchMin, whole("batchMax", options.batchMax ?? 16_384))
  const increase = whole("increase", options.increase ?? 256)
  const everyMillis = Duration.toMillis(Duration.fromInputUnsafe(options.every ?? "50 millis"))
  const settleMillis = Duration.toMillis(Duration.fromInputUnsafe(options.settle ?? everyMillis))
  const oneAtATime = yield* Semaphore.make(1)
  let state: ThrottleState = { batch: batchMin, p99Millis: undefined, cuts: 0 }
  let begunAt = Number.NEGATIVE_INFINITY
  let cutAt = Number.NEGATIVE_INFINITY
  let used = 0

  const begin = Effect.fnUntraced(function* (nowMillis: number) {
    const p99Millis = yield* options.p99Millis
    const { batch, cuts } = state
    const isOver = p99Millis !== undefined && p99Millis > options.budgetMillis
    if (isOver && nowMillis - cutAt >= settleMillis) {
      state = { batch: Math.max(batchMin, Math.floor(batch / 2)), p99Millis, cuts: cuts + 1 }
      cutAt = nowMillis
    } else if (!isOver && used >= batch) {
      state = { batch: Math.min(batchMax, batch + increase), p99Millis, cuts }
    } else {
      state = { batch, p99Millis, cuts }
    }
    begunAt = nowMillis
    used = 0
  })

  const admit = Effect.fnUntraced(function* (records: number) {
    for (;;) {
      const nowMillis = yield* Clock.currentTimeMillis
      if (nowMillis - begunAt >= everyMillis) yield* begin(nowMillis)
      const admitted = Math.min(records, state.batch - used)
      if (admitted > 0) {
        used += admitted
        return admitted
      }
      yield* Effect.sleep(Duration.millis(begunAt + everyMillis - nowMillis))
    }
  })

  return {
    admit: (records) => oneAtATime.withPermits(1)(admit(Math.max(1, records))),
    state: Effect.sync(() => state)
  }
})
