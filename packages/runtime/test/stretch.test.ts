import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, Message, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { settle } from "./probe.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { n: Schema.Int }) {}
class Work extends Message.Class<Work>()("Work", {
  payload: {
    n: Schema.Int,
    kind: Schema.Literals(["sync", "exit", "sleep", "refuse", "die", "throw"])
  },
  success: Schema.Int,
  error: Refused
}) {}
class Raise extends Message.Class<Raise>()("Raise", { payload: { n: Schema.Int } }) {}
const Worker = Actor.make("test/StretchWorker", [Work, Raise])

/** Runs the test with one worker whose `events` say what happened. */
const withWorker = (events: Array<string>) => {
  const layer = Worker.toLayer(
    {
      Work: ({ kind, n }: Work): Effect.Effect<number, Refused> => {
        events.push(`${kind} ${n}`)
        switch (kind) {
          case "exit":
            return Effect.succeed(n)
          case "sync":
            return Effect.sync(() => n)
          case "sleep":
            return Effect.as(Effect.sleep("1 second"), n)
          case "refuse":
            return Effect.suspend(() => Effect.fail(new Refused({ n })))
          case "die":
            return Effect.suspend(() => Effect.die(new Error("died")))
          case "throw":
            throw new Error("thrown")
        }
      },
      Raise: ({ n }: Raise) =>
        Effect.sync(() => events.push(`raise ${n}`)).pipe(
          Effect.andThen(
            Effect.forkChild(
              Effect.onInterrupt(Effect.never, () => Effect.sync(() => events.push(`gone ${n}`))),
              { startImmediately: true }
            )
          ),
          Effect.asVoid
        )
    },
    { supervision: Supervision.resume }
  )
  return Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer)))
}

describe("messages that one turn handles", () => {
  it.effect("each get their own outcome, in order, however the one before ended", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* Effect.gen(function* () {
        const worker = yield* Worker.ref("a")
        const kinds = [
          "sync",
          "exit",
          "refuse",
          "sync",
          "die",
          "sync",
          "sleep",
          "sync",
          "throw",
          "sync"
        ] as const
        // The first one holds the actor up until all are queued.
        const all = ["sleep" as const, ...kinds, ...kinds]
        const askers = yield* Effect.forEach(all, (kind, n) =>
          Effect.forkChild(Effect.exit(worker.ask(new Work({ n, kind }))), { startImmediately: true })
        )
        yield* settle
        yield* TestClock.adjust("3 seconds")
        const exits = yield* Effect.forEach(askers, Fiber.join)
        assert.deepStrictEqual(
          exits.map((exit) => {
            if (exit._tag === "Success") return exit.value
            const [reason] = exit.cause.reasons
            const error = reason?._tag === "Fail" ? reason.error : undefined
            return error?._tag === "AskError" ? error.reason._tag : error?._tag
          }),
          all.map((kind, n) =>
            kind === "refuse" ? "Refused" : kind === "die" || kind === "throw" ? "Parked" : n
          )
        )
        assert.deepStrictEqual(
          events,
          all.map((kind, n) => `${kind} ${n}`)
        )
        const { actors: _, ...counters } = yield* (yield* ActorSystem).counters
        assert.deepStrictEqual(counters, { sent: 21, handled: 17, deadLettered: 4, queued: 0 })
      }).pipe(withWorker(events))
    })
  )

  it.effect("leave no child behind: it ends before the next message begins", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* Effect.gen(function* () {
        const worker = yield* Worker.ref("a")
        for (let n = 0; n < 4; n++) yield* worker.tell(new Raise({ n }))
        yield* worker.ask(new Work({ n: 4, kind: "sync" }))
        assert.deepStrictEqual(events, [
          ...[0, 1, 2, 3].flatMap((n) => [`raise ${n}`, `gone ${n}`]),
          "sync 4"
        ])
      }).pipe(withWorker(events))
    })
  )
})
