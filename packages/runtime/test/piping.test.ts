import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, type LifeOf, Mailbox, Message, Supervision } from "@troupe/runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { settle } from "./probe.ts"
import { agree } from "./script.ts"

class Run extends Message.Class<Run>()("Run", { payload: { n: Schema.Int } }) {}
class Ran extends Message.Class<Ran>()("Ran", { payload: { how: Schema.String } }) {}
const Piping = Actor.make("test/Piping", [Run, Ran])

const how = (exit: Exit.Exit<unknown, unknown>) =>
  new Ran({ how: exit._tag === "Success" ? `${exit.value}` : `${Cause.squash(exit.cause)}` })

const piping = (
  log: Array<string>,
  effects: ReadonlyArray<Effect.Effect<unknown, unknown>>,
  options?: Parameters<typeof Piping.toLayer>[1],
  lives: Array<LifeOf<Run | Ran>> = [],
  gate = Latch.makeUnsafe()
) =>
  Effect.provide(
    Piping.toLayer(
      Effect.map(Piping.context, (life) => {
        lives.push(life)
        return Piping.of({
          Run: ({ n }) => {
            log.push(`run ${n}`)
            if (n === -1) return Effect.die("crash")
            if (n === -2) return life.stop
            if (n === 8) return gate.await
            const effect = effects[n]
            return effect === undefined ? Effect.void : life.pipeToSelf(effect, how)
          },
          Ran: ({ how }) => Effect.sync(() => log.push(how))
        })
      }),
      options
    ).pipe(Layer.provideMerge(ActorSystem.layer))
  )

describe("pipeToSelf", () => {
  it.effect("sends how the effect ended: success, failure and defect; the actor works on meanwhile", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.gen(function* () {
        const ref = yield* Piping.ref("a")
        for (const n of [0, 1, 2, 9]) yield* ref.tell(new Run({ n }))
        yield* settle
        assert.deepStrictEqual(log, ["run 0", "run 1", "run 2", "run 9"])
        yield* TestClock.adjust("3 seconds")
        yield* settle
        assert.deepStrictEqual(log.slice(4), ["refused", "done", "broken"])
        yield* agree(0)
      }).pipe(
        piping(log, [
          Effect.as(Effect.sleep("2 seconds"), "done"),
          Effect.andThen(Effect.sleep("1 second"), Effect.fail("refused")),
          Effect.andThen(Effect.sleep("3 seconds"), Effect.die("broken"))
        ])
      )
    })
  )

  it.effect("is interrupted at the end of the life, and then sends nothing", () =>
    Effect.gen(function* () {
      for (const [end, wait] of [
        [-1, "1 second"],
        [-2, "1 millis"],
        [9, "1 minute"]
      ] as const) {
        const log: Array<string> = []
        const ended: Array<string> = []
        const forever = Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended.push("interrupted")))
        yield* Effect.gen(function* () {
          const ref = yield* Piping.ref("a")
          yield* ref.ask(new Run({ n: 0 }))
          yield* Effect.exit(ref.ask(new Run({ n: end })))
          yield* TestClock.adjust(wait)
          yield* settle
          assert.deepStrictEqual(ended, ["interrupted"])
          yield* TestClock.adjust("1 hour")
          assert.deepStrictEqual(log, ["run 0", `run ${end}`])
          yield* agree(0)
        }).pipe(
          piping(log, [forever], {
            passivateAfter: "1 minute",
            supervision: Supervision.restart({ schedule: Schedule.spaced("1 second") })
          })
        )
      }
    })
  )

  it.effect("waits for room in the mailbox, in the order in which it asked for it", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const gate = Latch.makeUnsafe()
      const lives: Array<LifeOf<Run | Ran>> = []
      yield* Effect.gen(function* () {
        const ref = yield* Piping.ref("a")
        yield* ref.ask(new Run({ n: 9 }))
        const [life] = lives as [LifeOf<Run | Ran>]
        yield* ref.tell(new Run({ n: 8 }))
        yield* settle
        yield* ref.tell(new Run({ n: 9 }))
        for (const word of ["first", "second", "third"]) yield* life.pipeToSelf(Effect.succeed(word), how)
        yield* settle
        assert.strictEqual((yield* agree(2)).sent, 3)
        gate.openUnsafe()
        yield* settle
        assert.deepStrictEqual(log, ["run 9", "run 8", "run 9", "first", "second", "third"])
        yield* agree(0)
      }).pipe(piping(log, [], { mailbox: Mailbox.bounded(1) }, lives, gate))
    })
  )

  it.effect("of a life that has ended runs nothing and sends nothing", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const lives: Array<LifeOf<Run | Ran>> = []
      yield* Effect.gen(function* () {
        const ref = yield* Piping.ref("a")
        yield* ref.tell(new Run({ n: -1 }))
        yield* settle
        assert.strictEqual(lives.length, 2)
        const [old] = lives as [LifeOf<Run | Ran>]
        const effect = Effect.sync(() => log.push("run beside"))
        yield* old.pipeToSelf(effect, how)
        yield* old.watch(yield* Piping.ref("b"), () => new Ran({ how: "watched" }))
        yield* old.unstashAll
        yield* old.stop
        yield* settle
        yield* Actor.stop(yield* Piping.ref("b"))
        yield* settle
        yield* ref.ask(new Run({ n: 9 }))
        assert.deepStrictEqual(log, ["run -1", "run 9"])
        assert.strictEqual(lives.length, 2)
      }).pipe(piping(log, [], { supervision: Supervision.restart({ schedule: Schedule.forever }) }, lives))
    })
  )
})
