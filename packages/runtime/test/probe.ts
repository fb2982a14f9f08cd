import type { Inspection } from "@troupe/runtime"
import { Actor, ActorSystem, Message } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Layer from "effect/Layer"
import { provideMerge } from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** Notes `n` in the order of handling. */
export class Note extends Message.Class<Note>()("Note", {
  payload: { n: Schema.Int, from: Schema.optionalKey(Schema.String) },
  success: Schema.Int
}) {}
/** Crashes the actor. */
export class Crash extends Message.Class<Crash>()("Crash", {
  payload: { why: Schema.optionalKey(Schema.String) }
}) {}
/** Is not answered before the gate opens. */
export class Block extends Message.Class<Block>()("Block", {}) {}

export const Probe = Actor.make("test/Probe", [Note, Crash, Block])

/** What the probes of one test did, by all incarnations. */
export interface Log {
  readonly notes: Array<number>
  /** Builds and closes, in order. */
  readonly lives: Array<string>
  blocked: number
  gate: Latch.Latch
}

export const makeLog = (): Log => ({ notes: [], lives: [], blocked: 0, gate: Latch.makeUnsafe() })

/** Handlers that note what happens; answers of `Note` count the notes of this incarnation. */
export const behaviour = (log: Log) =>
  Effect.gen(function* () {
    let count = 0
    yield* Effect.acquireRelease(
      Effect.sync(() => log.lives.push("built")),
      () => Effect.sync(() => log.lives.push("closed"))
    )
    return Probe.of({
      Note: ({ n }) => {
        log.notes.push(n)
        count++
        return Effect.succeed(count)
      },
      Crash: ({ why }) => Effect.die(new Error(why ?? "crash")),
      Block: () =>
        Effect.suspend(() => {
          log.blocked++
          return log.gate.await
        })
    })
  })

/** Runs the test in a system with the probes. */
export const withProbes = (log: Log, options?: Parameters<typeof Probe.toLayer>[1]) => {
  const layer: Layer.Layer<ActorSystem> = Probe.toLayer(behaviour(log), options).pipe(
    provideMerge(ActorSystem.layer)
  )
  return Effect.provide(layer)
}

/** Lets everything run that does not wait for time. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

/** Everything inspected from now on, as `Tag id`. */
export const inspected = Effect.gen(function* () {
  const events: Array<Inspection.InspectionEvent> = []
  const system = yield* ActorSystem
  yield* Effect.forkScoped(
    Stream.runForEach(system.inspection, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  return events
})
