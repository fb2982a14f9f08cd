import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorContext, ActorSystem, Mailbox, Message, Supervision } from "@troupe/runtime"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { dice } from "./dice.ts"
import { settle } from "./probe.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}
class Step extends Message.Class<Step>()("Step", {
  payload: {
    key: Schema.String,
    sender: Schema.Int,
    n: Schema.Int,
    kind: Schema.Literals(["answer", "yield", "sleep", "refuse", "crash", "crashLater"])
  },
  success: Schema.String,
  error: Refused
}) {}
const Worker = Actor.make("test/Worker", [Step])
type Kind = Step["kind"]

const kinds: ReadonlyArray<Kind> = [
  "answer",
  "answer",
  "answer",
  "yield",
  "yield",
  "sleep",
  "refuse",
  "crash",
  "crashLater"
]

/** One seed: random actors, senders, crashes, interruptions, passivations and stops; every promise is checked at every step. */
const scenario = (seed: number) =>
  Effect.gen(function* () {
    const roll = dice(seed)
    const at = `seed ${seed}`
    const system = yield* ActorSystem
    const handled: Array<{ readonly id: string; readonly step: Step }> = []
    const inside = new Map<string, number>()
    const letters: Array<string> = []
    const wrong: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach(system.deadLetters, (letter) =>
        Effect.sync(() => letters.push((letter.message as Step).key))
      ),
      { startImmediately: true }
    )

    const supervisions = [
      Supervision.restart({ schedule: Schedule.spaced("5 millis") }),
      Supervision.restart({ schedule: Schedule.recurs(3) }),
      Supervision.resume,
      Supervision.stop
    ]
    const layer = Worker.toLayer(
      Effect.gen(function* () {
        if (roll(2) === 0) yield* Effect.yieldNow
        yield* Effect.addFinalizer(() => (roll(2) === 0 ? Effect.yieldNow : Effect.void))
        const { id } = yield* ActorContext
        const work = (step: Step) => {
          switch (step.kind) {
            case "answer":
              return Effect.succeed(step.key)
            case "yield":
              return Effect.as(Effect.repeat(Effect.yieldNow, { times: roll(4) }), step.key)
            case "sleep":
              return Effect.as(Effect.sleep(roll(10)), step.key)
            case "refuse":
              return Effect.fail(new Refused())
            case "crash":
              return Effect.die(new Error("crash"))
            case "crashLater":
              return Effect.andThen(Effect.yieldNow, Effect.die(new Error("later")))
          }
        }
        return Worker.of({
          Step: (step) => {
            if (inside.get(id) === 1) wrong.push(`${step.key}: two at a time in ${id}`)
            handled.push({ id, step })
            const effect = work(step)
            if (Exit.isExit(effect)) return effect
            inside.set(id, 1)
            return Effect.ensuring(
              effect,
              Effect.sync(() => inside.set(id, 0))
            )
          }
        })
      }),
      {
        mailbox: Mailbox.bounded(1 + roll(12)),
        supervision: supervisions[roll(supervisions.length)] as Supervision.Supervision,
        ...(roll(2) === 0 ? { passivateAfter: 1 + roll(5) } : {}),
        drain: roll(3) * 5
      }
    )
    const start = Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Layer.build(Layer.fresh(layer)).pipe(Scope.provide(scope))
      return scope
    })
    let scope = yield* start

    const ids = ["a", "b", "c"].slice(0, 1 + roll(3))
    let waitedFor = 0
    const sender = (number: number) =>
      Effect.gen(function* () {
        for (let n = 0; n < 12; n++) {
          const id = ids[roll(ids.length)] as string
          const worker = yield* Worker.ref(id)
          const key = `${number}.${n}`
          const step = new Step({ key, sender: number, n, kind: kinds[roll(kinds.length)] as Kind })
          switch (roll(4)) {
            case 0:
              yield* worker.tell(step)
              break
            case 1: {
              // An asker that loses patience.
              const asker = yield* Effect.forkChild(worker.ask(step), { startImmediately: true })
              yield* Effect.repeat(Effect.yieldNow, { times: roll(4) })
              yield* Fiber.interrupt(asker)
              break
            }
            default: {
              waitedFor++
              const exit = yield* Effect.exit(worker.ask(step))
              waitedFor--
              const answer =
                exit._tag === "Success"
                  ? exit.value
                  : (Exit.findErrorOption(exit) as { value?: Error }).value?.name
              const expected = ["answer", "yield", "sleep"].includes(step.kind)
                ? [key, "AskError"]
                : step.kind === "refuse"
                  ? ["Refused", "AskError"]
                  : ["AskError"]
              if (!expected.includes(answer as string)) wrong.push(`${key} ${step.kind}: ${answer}`)
            }
          }
          if (roll(6) === 0) yield* Effect.sleep(roll(8))
        }
      })
    const senders: Array<Fiber.Fiber<void, unknown>> = []
    for (let number = 0; number < 4; number++) senders.push(yield* Effect.forkChild(sender(number)))

    let stops = roll(3)
    for (let turn = 0; turn < 2000 && senders.some((fiber) => fiber.pollUnsafe() === undefined); turn++) {
      yield* TestClock.adjust(1)
      const now = yield* system.counters
      assert.strictEqual(
        now.sent,
        now.handled + now.deadLettered + now.queued,
        `${at}: ${JSON.stringify(now)}`
      )
      if (stops > 0 && roll(20) === 0) {
        stops--
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        while (closing.pollUnsafe() === undefined) yield* TestClock.adjust(1)
        scope = yield* start
      }
    }
    for (const fiber of senders) assert.isDefined(fiber.pollUnsafe(), `${at}: a sender waits for ever`)
    assert.strictEqual(waitedFor, 0, at)
    assert.deepStrictEqual(wrong, [], at)
    yield* TestClock.adjust("1 minute")
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(closing)
    yield* settle

    const end = yield* system.counters
    assert.strictEqual(end.queued, 0, at)
    assert.strictEqual(end.actors, 0, `${at}: cells are left`)
    assert.strictEqual(end.sent, end.handled + end.deadLettered, at)
    assert.strictEqual(letters.length, end.deadLettered, at)
    const begun = handled.map(({ step }) => step.key)
    assert.strictEqual(new Set(begun).size, begun.length, `${at}: a message was handled twice`)
    assert.strictEqual(new Set(letters).size, letters.length, `${at}: a dead letter twice`)
    // In order per sender and actor.
    const last = new Map<string, number>()
    for (const { id, step } of handled) {
      const pair = `${id} ${step.sender}`
      assert.isAbove(step.n, last.get(pair) ?? -1, `${at}: order of ${pair}`)
      last.set(pair, step.n)
    }
    return handled.length
  })

describe("interleavings", () => {
  it.effect(
    "no message is lost, doubled or overtaken, no asker waits for ever, and the counters agree, over all seeds",
    () =>
      Effect.gen(function* () {
        const seeds = count({ quick: 150, long: 10_000 })
        let handled = 0
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          handled += yield* scenario(seed).pipe(
            Effect.scoped,
            Effect.provide(Layer.fresh(ActorSystem.layer), { local: true })
          )
        }
        assert.isAbove(handled, seeds * 10)
      }),
    { timeout: patience(300_000) }
  )
})
