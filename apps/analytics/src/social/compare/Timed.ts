import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** What an effect cost this process: its time on the clock, and the processor time of all threads. */
export interface Cost {
  readonly wallMillis: number
  readonly cpuMillis: number
}

/** Runs an effect and says what it cost; whatever else the process does meanwhile counts too. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, Cost], E, R> =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeNanos
    const cpu = process.cpuUsage()
    const value = yield* effect
    const { system, user } = process.cpuUsage(cpu)
    const wallMillis = Number((yield* Clock.currentTimeNanos) - began) / 1e6
    return [value, { wallMillis, cpuMillis: (user + system) / 1000 }] as const
  })
