import type { BrokerError, Topic, TopicRecord } from "@troupe/broker"
import { LatencyWindow, type ViewError } from "@troupe/views"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Freshness from "./Freshness.ts"
import type * as Pipeline from "./Pipeline.ts"

/** How fresh an edition's answers are while it runs. */
export interface LiveLatency {
  /**
   * p99 over the last two seconds, in ms, or the age of the record that waits longest now if that is more: what is stuck is slow, though nobody
   * has seen its end. Undefined while nothing comes in.
   */
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
    const waiting = new Set<TopicRecord>()
    const watching: Effect.Effect<never, ViewError | BrokerError> = Freshness.watch(
      raw,
      (record) =>
        Effect.suspend(() => {
          waiting.add(record)
          return running.caughtUp(record.sequence)
        }).pipe(Effect.ensuring(Effect.sync(() => waiting.delete(record)))),
      ({ latencyMillis, nowMillis }) => {
        window.record(nowMillis, latencyMillis)
        samples.push(latencyMillis)
      }
    )
    // A failure of the view comes out of the view's own `failure`.
    yield* Effect.forkScoped(Effect.exit(watching), { startImmediately: true })
    return {
      p99Now: Effect.map(Clock.currentTimeMillis, (now) => {
        let worst = window.quantile(now, 0.99)
        for (const { timeMillis } of waiting) worst = Math.max(worst ?? 0, now - timeMillis)
        return worst
      }),
      take: Effect.sync(() => {
        const taken = Freshness.summarize(samples)
        samples = []
        return taken
      })
    }
  })
