import { assert, describe, it } from "@effect/vitest"
import { Actor, type ActorContext, ActorSystem, Mailbox, Message, Supervision } from "@troupe/runtime"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { dice } from "./dice.ts"
import { letters } from "./letters.ts"
import { settle } from "./probe.ts"

const kinds = [
  "answer",
  "answer",
  "yield",
  "sleep",
  "crash",
  "stash",
  "unstash",
  "timer",
  "stop",
  "spawn",
  "watch",
  "stop another"
] as const

class Step extends Message.Class<Step>()("Step", {
  payload: { key: Schema.String, kind: Schema.Literals(kinds) },
  success: Schema.String
}) {}
const Worker = Actor.make("test/Worker", [Step])
type WorkerRef = Effect.Success<ReturnType<typeof Worker.ref>>

/** Long enough for every drain, backoff and finalizer, in steps that let each of them begin in time. */
const pass = Effect.repeat(TestClock.adjust("20 millis"), { times: 15 })

/** One seed: lives that begin and end in every way at once, with every kind of mailbox. */
const scenario = (seed: number) =>
  Effect.gen(function* () {
    const roll = dice(seed)
    const pick = <A>(of: ReadonlyArray<A>): A => of[roll(of.length)] as A
    const at = `seed ${seed}`
    const system = yield* ActorSystem
    const buried = yield* letters
    const wrong: Array<string> = []
    const live = new Map<string, number>()
    const ids = ["a", "b", "s", "a/kid", "s/kid"]
    let handled = 0
    const concurrency = pick([1, 1, 3])

    const build: Effect.Effect<
      Actor.Handlers<Step, Scope.Scope>,
      never,
      Scope.Scope | ActorContext | ActorSystem
    > = Effect.gen(function* () {
      const context = yield* Worker.context
      const { id } = context
      if (roll(2) === 0) yield* Effect.yieldNow
      live.set(id, (live.get(id) ?? 0) + 1)
      if (live.get(id) !== 1) wrong.push(`${live.get(id)} lives of ${id}`)
      const slow = roll(3)
      yield* Effect.addFinalizer(() =>
        Effect.andThen(
          slow === 0 ? Effect.void : slow === 1 ? Effect.yieldNow : Effect.sleep(1 + roll(5)),
          Effect.sync(() => live.set(id, (live.get(id) ?? 0) - 1))
        )
      )
      let inside = 0
      const work = (step: Step): Effect.Effect<unknown, never, Scope.Scope> => {
        switch (step.kind) {
          case "answer":
            return Effect.void
          case "yield":
            return Effect.repeat(Effect.yieldNow, { times: roll(4) })
          case "sleep":
            return Effect.sleep(roll(10))
          case "crash":
            return Effect.andThen(
              roll(2) === 0 ? Effect.yieldNow : Effect.void,
              Effect.die(new Error("crash"))
            )
          case "stash":
            // A second time it is handled: else some would never be.
            return roll(2) === 0 ? context.stash : Effect.void
          case "unstash":
            return context.unstashAll
          case "timer":
            return roll(3) === 0
              ? context.timers.cancelAll
              : context.timers.periodic("beat", 1 + roll(6), new Step({ key: "beat", kind: "answer" }))
          case "stop":
            return context.stop
          case "spawn":
            return id.includes("/")
              ? Effect.void
              : Effect.exit(Worker.spawnChild("kid", build, options())).pipe(provided)
          case "watch":
            return context.watch(ref(pick(ids)), () => new Step({ key: "notice", kind: "answer" }))
          case "stop another":
            return Effect.forkDetach(
              Actor.stop(ref(pick(ids))).pipe(Effect.provideService(ActorSystem, system))
            )
        }
      }
      const provided = Effect.provideContext(
        yield* Effect.context<Scope.Scope | ActorContext | ActorSystem>()
      )
      return Worker.of({
        Step: (step) =>
          Effect.suspend(() => {
            handled++
            if (++inside > concurrency) wrong.push(`${step.key}: ${inside} at a time in ${id}`)
            return Effect.as(work(step), step.key)
          }).pipe(Effect.ensuring(Effect.sync(() => void inside--)))
      })
    })
    const ref = (id: string) => system.ref("test/Worker", id) as WorkerRef

    const options = () => {
      const capacity = 1 + roll(4)
      return {
        mailbox: pick([
          Mailbox.bounded(capacity),
          Mailbox.dropping(capacity),
          Mailbox.sliding(capacity),
          Mailbox.unbounded,
          Mailbox.priority(capacity, ({ kind }: Step) => kind.length % 3)
        ]),
        supervision: pick<Supervision.Supervision>([
          Supervision.restart({ schedule: Schedule.spaced("3 millis"), parkAfter: 1 + roll(2) }),
          Supervision.restart({ schedule: Schedule.recurs(2) }),
          Supervision.resume,
          Supervision.stop,
          Supervision.escalate
        ]),
        children: pick(["one-for-one", "one-for-all"] as const),
        stashCapacity: 2,
        concurrency,
        drain: roll(3) * 4
      }
    }
    const host = (scope: Scope.Scope) =>
      Layer.build(
        Layer.fresh(
          Worker.toLayer(build, {
            ...options(),
            ...(roll(2) === 0 ? { passivateAfter: 1 + roll(6) } : {}),
            ...(roll(3) === 0 ? { activeMax: 1 } : {})
          })
        )
      ).pipe(Scope.provide(scope))
    let layer = yield* Scope.make()
    yield* host(layer)
    let owner = yield* Scope.make()

    const fibers: Array<{ readonly what: string; readonly fiber: Fiber.Fiber<unknown, unknown> }> = []
    const go = <A, E>(what: string, effect: Effect.Effect<A, E, ActorSystem>) =>
      Effect.map(Effect.forkChild(effect, { startImmediately: true }), (fiber) => {
        fibers.push({ what, fiber })
        return fiber
      })
    for (let n = 0; n < 80; n++) {
      const id = pick(ids)
      switch (roll(12)) {
        case 0:
          yield* go(`stop ${id}`, Actor.stop(ref(id)))
          break
        case 1:
          yield* go(`await ${id}`, Actor.awaitStop(ref(id)))
          break
        case 2:
          yield* Fiber.interrupt(
            yield* go(`impatient ${id}`, ref(id).ask(new Step({ key: `${n}`, kind: pick(kinds) })))
          )
          break
        case 3:
          yield* go("spawn s", Effect.exit(Worker.spawn("s", build, options()).pipe(Scope.provide(owner))))
          break
        case 4:
          if (roll(3) > 0) break
          yield* go("close owner", Scope.close(owner, Exit.void))
          owner = yield* Scope.make()
          break
        case 5: {
          if (roll(3) > 0) break
          const former = layer
          layer = yield* Scope.make()
          yield* go("close layer", Scope.close(former, Exit.void))
          yield* go("host", host(layer))
          break
        }
        case 6:
        case 7:
          yield* TestClock.adjust(1 + roll(4))
          break
        case 8:
        case 9:
          yield* go(`tell ${id}`, ref(id).tell(new Step({ key: `${n}`, kind: pick(kinds) })))
          break
        default: {
          const step = new Step({ key: `${n}`, kind: pick(kinds) })
          const ask = Effect.map(Effect.exit(ref(id).ask(step)), (exit) => {
            if (exit._tag === "Success" && exit.value !== step.key)
              wrong.push(`${step.key} got ${exit.value}`)
          })
          yield* go(`ask ${id} ${step.kind}`, ask)
        }
      }
      const now = yield* system.counters
      assert.strictEqual(
        now.sent,
        now.handled + now.deadLettered + now.queued,
        `${at}: ${JSON.stringify(now)}`
      )
    }
    yield* pass
    const closing = yield* Effect.forkChild(
      Effect.andThen(Scope.close(owner, Exit.void), Scope.close(layer, Exit.void)),
      { startImmediately: true }
    )
    yield* pass
    assert.isDefined(closing.pollUnsafe(), `${at}: closing waits for ever`)
    yield* settle
    const waiting = fibers.filter(({ fiber }) => fiber.pollUnsafe() === undefined)
    assert.deepStrictEqual(
      waiting.map(({ what }) => what),
      [],
      `${at}: wait for ever`
    )
    assert.deepStrictEqual(wrong, [], at)
    for (const [id, lives] of live) assert.strictEqual(lives, 0, `${at}: a finalizer of ${id} has not run`)
    const end = yield* system.counters
    assert.deepStrictEqual([end.queued, end.actors], [0, 0], at)
    assert.strictEqual(end.sent, end.handled + end.deadLettered, at)
    assert.strictEqual(buried.length, end.deadLettered, at)
    return handled
  })

describe("lives", () => {
  it.effect(
    "that begin and end in every way at once: nothing waits for ever, every finalizer runs, one life an id, and the counters agree",
    () =>
      Effect.gen(function* () {
        const seeds = count({ quick: 200, long: 10_000 })
        let handled = 0
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          handled += yield* scenario(seed).pipe(
            Effect.scoped,
            Effect.provide(Layer.fresh(ActorSystem.layer), { local: true }),
            // Thousands of crashes.
            Effect.provide(Logger.layer([]))
          )
        }
        assert.isAbove(handled, seeds * 5)
      }),
    { timeout: patience(120_000) }
  )
})
