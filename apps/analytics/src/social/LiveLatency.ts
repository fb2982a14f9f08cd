import type { BrokerError, Topic } from "@troupe/broker"
import { LatencyWindow, type ViewError } from "@troupe/views"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Freshness from "./Freshness.ts"
import type * as Pipeline from "./Pipeline.ts"

/** How fresh an edition's answers are while it runs. */
export interface LiveLatency {
  /** p99 over the last two seconds, in ms; undefined while nothing comes in. */
  readonly p99Now: Effect.Effect<number | undefined>
  /** Latencies since the last call, and begins anew. */
  readonly take: Effect.Effect<Freshness.Latencies>
}

/** Watches, until the scope closes, how long a record of the raw topic takes until it is in the served rows. */
export const watch = (
  raw: Topic,
  running: Pipeline.Running
): Effect.Effect<LiveLatency, never, Scope.Scope> =>
  Effect.gen(function* () {
    const window = LatencyWindow.make({ windowMillis: 2000 })
    let samples: Array<number> = []
    const watching: Effect.Effect<never, ViewError | BrokerError> = Freshness.watch(
      raw,
      running.caughtUp,
      ({ latencyMillis, nowMillis }) => {
        window.record(nowMillis, latencyMillis)
        samples.push(latencyMillis)
      }
    )
    // A failure of the view comes out of the view's own `failure`.
    yield* Effect.forkScoped(Effect.exit(watching), { startImmediately: true })
    return {
      p99Now: Effect.map(Clock.currentTimeMillis, (now) => window.quantile(now, 0.99)),
      take: Effect.sync(() => {
        const taken = Freshness.summarize(samples)
        samples = []
        return taken
      })
    }
  })
