import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import type { Census } from "./ActorSystem.ts"
import { ActorSystem } from "./ActorSystem.ts"
import type { Tracing } from "./Tracing.ts"

/** Messages accepted by mailboxes, or made dead letters at once. */
const sent = Metric.counter("troupe_messages_sent", {
  description: "Messages that actors were sent",
  incremental: true
})
const deadLettered = Metric.counter("troupe_messages_dead_lettered", {
  description: "Messages that will not be handled",
  incremental: true
})
const queued = Metric.gauge("troupe_messages_queued", {
  description: "Messages in mailboxes and in handlers"
})
const handled = Metric.counter("troupe_messages_handled", {
  description: "Handlers that ended with an answer or a domain error, by type of actor",
  incremental: true
})
const restarts = Metric.counter("troupe_actor_restarts", {
  description: "Actors whose state was built anew after a crash, by type of actor",
  incremental: true
})
const actors = Metric.gauge("troupe_actors", { description: "Actors in memory, by type of actor" })

/** How an actor system is observed. */
export interface Options {
  /** Which share of messages begins a trace, from 0 to 1; default 0.01. A message that is sent in a sampled span is always traced. */
  readonly sample?: number
  /** How often metrics are brought up to date; default 1 second. */
  readonly interval?: Duration.Input
}

/**
 * Traces handlers and keeps metrics of an actor system, for whatever tracer and exporter the program provides.
 *
 * - **Spans**, `<actor> <message tag>`, with `actor.name`, `actor.id`, `actor.sender` and `message.tag`; a failed handler marks its
 *   span. A message that was sent in a sampled span continues its trace; of the others, `sample` begin one. Where a span begins, a
 *   handler that answers at once needs a fiber; the others are as fast as before.
 * - **Metrics**, once every `interval` and not once a message: `troupe_messages_sent`, `…_dead_lettered`, `…_queued`, and by the
 *   attribute `actor` `troupe_messages_handled`, `troupe_actor_restarts` and `troupe_actors`.
 *
 * Throws `RangeError` when `sample` is not between 0 and 1.
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, ActorSystem> => {
  const sample = options.sample ?? 0.01
  if (!(sample >= 0 && sample <= 1)) {
    throw new RangeError(`Telemetry.layer: sample is ${sample}, must be between 0 and 1`)
  }
  return Layer.effectDiscard(
    Effect.gen(function* () {
      const system = yield* ActorSystem
      const random = yield* Random.Random
      yield* system.trace(tracing(sample, () => random.nextDoubleUnsafe()))
      const record = recorder()
      const update = Effect.flatMap(system.census, record)
      yield* Effect.addFinalizer(() => update)
      yield* Effect.forkScoped(
        Effect.forever(Effect.andThen(Effect.sleep(options.interval ?? Duration.seconds(1)), update)),
        { startImmediately: true }
      )
    })
  )
}

const tracing =
  (sample: number, draw: () => number): Tracing =>
  ({ actor, id, message, sender, sentIn }, handler) => {
    const continues = sentIn?.sampled === true
    if (!continues && !(sample > 0 && draw() < sample)) return handler
    return Effect.withSpan(handler, `${actor} ${message._tag}`, {
      kind: "consumer",
      attributes: {
        "actor.name": actor,
        "actor.id": id,
        "message.tag": message._tag,
        ...(sender === undefined ? undefined : { "actor.sender": `${sender.actor}/${sender.id}` })
      },
      ...(continues ? { parent: sentIn } : { root: true })
    })
  }

/** Brings the metrics from one census to the next. */
const recorder = (): ((census: Census) => Effect.Effect<void>) => {
  let before: Census = { sent: 0, deadLettered: 0, queued: 0, kinds: new Map() }
  return (census) =>
    Effect.suspend(() => {
      const last = before
      before = census
      const updates = [
        Metric.update(sent, census.sent - last.sent),
        Metric.update(deadLettered, census.deadLettered - last.deadLettered),
        Metric.update(queued, census.queued)
      ]
      for (const [actor, kind] of census.kinds) {
        const then = last.kinds.get(actor)
        const by = { actor }
        updates.push(
          Metric.update(Metric.withAttributes(handled, by), kind.handled - (then?.handled ?? 0)),
          Metric.update(Metric.withAttributes(restarts, by), kind.restarts - (then?.restarts ?? 0)),
          Metric.update(Metric.withAttributes(actors, by), kind.actors)
        )
      }
      return Effect.all(updates, { discard: true })
    })
}
