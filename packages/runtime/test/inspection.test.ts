import { assert, describe, it } from "@effect/vitest"
import { ActorSystem, type Inspection, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { behaviour, Crash, inspected, makeLog, Note, Probe, settle } from "./probe.ts"

describe("inspection", () => {
  it.effect(
    "shows a life in order: spawned, received, completed, failed, dead-lettered, restarted, passivated, stopped",
    () =>
      Effect.gen(function* () {
        const log = makeLog()
        const events = yield* inspected
        const scope = yield* Scope.make()
        yield* Layer.build(
          Probe.toLayer(behaviour(log), {
            passivateAfter: "1 minute",
            supervision: Supervision.restart({ schedule: Schedule.spaced("1 second") })
          })
        ).pipe(Scope.provide(scope))
        const probe = yield* Probe.ref("a")
        yield* probe.ask(new Note({ n: 1 }))
        yield* probe.tell(new Crash({}))
        yield* TestClock.adjust("61 seconds")
        yield* probe.ask(new Note({ n: 2 }))
        yield* Scope.close(scope, Exit.void)
        yield* settle
        const line = (event: Inspection.InspectionEvent) =>
          `${event.timeMillis} ${event._tag} ${"message" in event ? (event.message?._tag ?? "") : ""}`.trim()
        assert.deepStrictEqual(events.map(line), [
          "0 Spawned",
          "0 Received Note",
          "0 Completed Note",
          "0 Received Crash",
          "0 Failed Crash",
          "0 DeadLettered",
          "1000 Restarted",
          "61000 Passivated",
          "61000 Spawned",
          "61000 Received Note",
          "61000 Completed Note",
          "61000 Stopped"
        ])
        assert.isTrue(events.every((event) => event.actor === "test/Probe" && event.id === "a"))
      }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("goes to everyone who listens, and to nobody who left", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const system = yield* ActorSystem
      const first = yield* Effect.forkChild(Stream.runCollect(Stream.take(system.inspection, 2)), {
        startImmediately: true
      })
      const all = yield* inspected
      yield* Probe.spawn("a", behaviour(log))
      yield* (yield* Probe.ref("a")).ask(new Note({ n: 1 }))
      yield* settle
      assert.deepStrictEqual(
        (yield* Fiber.join(first)).map((event) => event._tag),
        ["Spawned", "Received"]
      )
      assert.strictEqual(all.length, 3)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )
})
