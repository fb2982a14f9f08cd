import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorContext, ActorSystem, Mailbox, Message, Supervision } from "@troupe/runtime"
import { Interleavings, TestKit } from "@troupe/runtime/testing"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { dice } from "./dice.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}
class Step extends Message.Class<Step>()("Step", {
  payload: {
    key: Schema.String,
    sender: Schema.Int,
    n: Schema.Int,
    kind: Schema.Literals(["answer", "yield", "sleep", "refuse", "crash", "crashLater", "askOn", "stop"])
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
  "crashLater",
  "askOn",
  "stop"
]

/**
 * One seed: random actors, senders, crashes, interruptions, passivations and stops, in a random order of all their steps; every
 * promise is checked at every step.
 */
const scenario = (seed: number) =>
  Effect.gen(function* () {
    const roll = dice(seed)
    const at = `seed ${seed}`
    const system = yield* ActorSystem
    const handled: Array<{ readonly id: string; readonly step: Step }> = []
    const inside = new Map<string, number>()
    const letters = yield* TestKit.deadLetters
    const wrong: Array<string> = []

    const supervisions = [
      Supervision.restart({ schedule: Schedule.spaced("5 millis") }),
      Supervision.restart({ schedule: Schedule.recurs(3) }),
      Supervision.resume,
      Supervision.stop
    ]
    const ids = ["a", "b", "c"].slice(0, 1 + roll(3))
    let asked = 0
    /** Asks an actor further on, so that none of them waits for itself. */
    const askOn = (id: string, { key }: Step) =>
      Effect.gen(function* () {
        const from = ids.indexOf(id)
        if (from === ids.length - 1) return key
        const to = yield* Worker.ref(ids[from + 1 + roll(ids.length - from - 1)] as string)
        const kind = kinds[roll(kinds.length)] as Kind
        const n = asked++
        yield* Effect.exit(to.ask(new Step({ key: `${key}>${n}`, sender: 100 + from, n, kind })))
        return key
      })
    let stops = roll(3)
    let stopping = false
    const layer = Worker.toLayer(
      Effect.gen(function* () {
        if (roll(2) === 0) yield* Effect.yieldNow
        yield* Effect.addFinalizer(() => (roll(2) === 0 ? Effect.yieldNow : Effect.void))
        const { id } = yield* ActorContext
        const work = (step: Step): Effect.Effect<string, Refused, ActorSystem> => {
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
            case "askOn":
              return askOn(id, step)
            case "stop":
              // An actor that stops itself and all its kind must not wait for it.
              return Effect.as(Effect.forkDetach(restart, { startImmediately: true }), step.key)
          }
        }
        return Worker.of({
          Step: (step) => {
            const enter = () => {
              if (inside.get(id) === 1) wrong.push(`${step.key}: two at a time in ${id}`)
            }
            handled.push({ id, step })
            enter()
            const effect = work(step)
            if (Exit.isExit(effect)) return effect
            // A stop may come between the call of the handler and the first operation of its effect.
            return Effect.acquireUseRelease(
              Effect.sync(() => {
                enter()
                inside.set(id, 1)
              }),
              () => effect,
              () => Effect.sync(() => inside.set(id, 0))
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
    const start: Effect.Effect<Scope.Closeable, never, ActorSystem> = Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Layer.build(Layer.fresh(layer)).pipe(Scope.provide(scope))
      return scope
    })
    /** Stops all actors and hosts them again. */
    const restart: Effect.Effect<void, never, ActorSystem> = Effect.suspend(() => {
      if (stopping || stops === 0) return Effect.void
      stops--
      stopping = true
      return Effect.gen(function* () {
        yield* Scope.close(scope, Exit.void)
        scope = yield* start
        stopping = false
      })
    })
    let scope = yield* start

    let waitedFor = 0
    const sender = (number: number) =>
      Effect.gen(function* () {
        for (let n = 0; n < 12; n++) {
          const id = ids[roll(ids.length)] as string
          const worker = yield* Worker.ref(id)
          const key = `${number}.${n}`
          const step = new Step({ key, sender: number, n, kind: kinds[roll(kinds.length)] as Kind })
          switch (roll(8)) {
            case 0:
            case 1:
              yield* worker.tell(step)
              break
            case 2: {
              // A sender that does not wait for room, or only just.
              const teller = yield* Effect.forkChild(worker.tell(step), { startImmediately: true })
              if (roll(2) === 0) yield* Effect.yieldNow
              yield* Fiber.interrupt(teller)
              break
            }
            case 3: {
              // An asker that loses patience.
              const asker = yield* Effect.forkChild(worker.ask(step), { startImmediately: true })
              yield* Effect.repeat(Effect.yieldNow, { times: roll(4) })
              yield* Fiber.interrupt(asker)
              break
            }
            default: {
              waitedFor++
              const exit = yield* Effect.exit(worker.ask(step, roll(4) === 0 ? { timeout: 1 + roll(5) } : {}))
              waitedFor--
              const answer =
                exit._tag === "Success"
                  ? exit.value
                  : (Exit.findErrorOption(exit) as { value?: Error }).value?.name
              const expected = ["answer", "yield", "sleep", "askOn", "stop"].includes(step.kind)
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

    for (let turn = 0; turn < 2000 && senders.some((fiber) => fiber.pollUnsafe() === undefined); turn++) {
      yield* TestClock.adjust(1)
      const now = yield* system.counters
      assert.strictEqual(
        now.sent,
        now.handled + now.deadLettered + now.queued,
        `${at}: ${JSON.stringify(now)}`
      )
      if (stops > 0 && roll(20) === 0) {
        const restarting = yield* Effect.forkChild(restart, { startImmediately: true })
        while (restarting.pollUnsafe() === undefined) yield* TestClock.adjust(1)
      }
    }
    for (const fiber of senders) assert.isDefined(fiber.pollUnsafe(), `${at}: a sender waits for ever`)
    assert.strictEqual(waitedFor, 0, at)
    assert.deepStrictEqual(wrong, [], at)
    yield* TestClock.adjust("1 minute")
    assert.isFalse(stopping, `${at}: a stop does not end`)
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(closing)

    const end = yield* system.counters
    assert.strictEqual(end.queued, 0, at)
    assert.strictEqual(end.actors, 0, `${at}: cells are left`)
    assert.strictEqual(end.sent, end.handled + end.deadLettered, at)
    const buried = (yield* letters.received).map((letter) => (letter.message as Step).key)
    assert.strictEqual(buried.length, end.deadLettered, at)
    const begun = handled.map(({ step }) => step.key)
    assert.strictEqual(new Set(begun).size, begun.length, `${at}: a message was handled twice`)
    assert.strictEqual(new Set(buried).size, buried.length, `${at}: a dead letter twice`)
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
        const explored = yield* Interleavings.explore({
          seeds,
          from: firstSeed(),
          scenario: (seed) => Effect.provide(scenario(seed), ActorSystem.layer)
        })
        assert.isAbove(explored.orders, seeds * 0.99)
        assert.isAbove(
          explored.values.reduce((sum, handled) => sum + handled, 0),
          seeds * 10
        )
      }),
    { timeout: patience(300_000) }
  )
})
