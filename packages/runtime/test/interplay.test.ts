import { assert, describe, it } from "@effect/vitest"
import {
  Actor,
  type ActorRef,
  ActorSystem,
  type LifeOf,
  Mailbox,
  Message,
  Supervision
} from "@troupe/runtime"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { settle } from "./probe.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

const kinds = [
  "answer",
  "yield",
  "sleep",
  "refuse",
  "crash",
  "crashLater",
  "putAside",
  "open",
  "become",
  "unbecome",
  "single",
  "periodic",
  "cancel",
  "stop",
  "tellChild",
  "askChild",
  "watchChild",
  "pipe"
] as const

class Step extends Message.Class<Step>()("Step", {
  payload: { key: Schema.String, sender: Schema.Int, n: Schema.Int, kind: Schema.Literals(kinds) },
  success: Schema.String,
  error: Refused
}) {}
/** What an actor sends itself: by a timer, a watch or a pipe. */
class Tick extends Message.Class<Tick>()("Tick", { payload: { why: Schema.String } }) {}

const Worker = Actor.make("test/Worker", [Step, Tick])
const Child = Actor.make("test/Child", [Step])

/** Numbers in [0, n) from a seed. Source: mulberry32, public domain. */
const dice = (seed: number) => {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  const roll = (n: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n
  }
  const among = <A>(all: ReadonlyArray<A>): A => all[roll(all.length)] as A
  return { roll, among }
}

const later = Supervision.restart({ schedule: Schedule.spaced("5 millis") })
const twice = Supervision.restart({ schedule: Schedule.recurs(2), otherwise: "escalate" })
const limited = Supervision.restart({
  schedule: Schedule.forever,
  limit: { restarts: 2, within: "20 millis" },
  resetAfter: "10 millis"
})
const supervisions = [
  later,
  limited,
  twice,
  Supervision.resume,
  Supervision.stop,
  Supervision.escalate,
  Supervision.byCause((cause) => (`${Cause.squash(cause)}`.includes("later") ? twice : limited))
]

/** What happened in one seed, and what was wrong. */
interface Story {
  readonly begun: Array<{ readonly id: string; readonly step: Step }>
  readonly letters: Array<unknown>
  readonly wrong: Array<string>
  lives: number
}

/** A layer of workers whose options and handlers are thrown. */
const workers = ({ among, roll }: ReturnType<typeof dice>, story: Story) => {
  const inside = new Map<string, number>()
  const mailbox = among<Mailbox.Mailbox<Step | Tick>>([
    Mailbox.bounded(1 + roll(8)),
    Mailbox.dropping(1 + roll(8)),
    Mailbox.sliding(1 + roll(8)),
    Mailbox.unbounded,
    Mailbox.priority<Step | Tick>(1 + roll(8), (message) => (message._tag === "Tick" ? 1 : message.n % 3))
  ])
  const concurrency = among([1, 1, 3])
  const drain = roll(3) * 5
  /** Notes that a handler begins, and that not too many do at once. */
  const entering = <A, E>(
    id: string,
    step: Step,
    most: number,
    effect: Effect.Effect<A, E>
  ): Effect.Effect<A, E> => {
    story.begun.push({ id, step })
    if (Exit.isExit(effect)) return effect
    const now = (inside.get(id) ?? 0) + 1
    if (now > most) story.wrong.push(`${step.key}: ${now} at a time in ${id}`)
    inside.set(id, now)
    return Effect.ensuring(
      effect,
      Effect.sync(() => inside.set(id, (inside.get(id) ?? 0) - 1))
    )
  }
  const plain = ({ key, kind }: Step): Effect.Effect<string, Refused> => {
    switch (kind) {
      case "yield":
        return Effect.as(Effect.repeat(Effect.yieldNow, { times: roll(4) }), key)
      case "sleep":
        return Effect.as(Effect.sleep(roll(10)), key)
      case "refuse":
        return Effect.fail(new Refused())
      case "crash":
        return Effect.die(new Error("crash"))
      case "crashLater":
        return Effect.andThen(Effect.yieldNow, Effect.die(new Error("later")))
      default:
        return Effect.succeed(key)
    }
  }
  const unsettled = Effect.suspend(() => {
    const luck = roll(12)
    if (luck === 0) return Effect.die(new Error("unbuilt"))
    return luck < 6 ? Effect.yieldNow : Effect.void
  })
  const alive = Effect.acquireRelease(
    Effect.sync(() => story.lives++),
    () =>
      Effect.andThen(
        roll(2) === 0 ? Effect.yieldNow : roll(3) === 0 ? Effect.sleep(roll(6)) : Effect.void,
        Effect.sync(() => story.lives--)
      )
  )
  const buildChild = (id: string) =>
    Effect.gen(function* () {
      yield* alive
      yield* unsettled
      return Child.of({ Step: (step) => entering(id, step, 1, plain(step)) })
    })
  const build = Effect.gen(function* () {
    yield* alive
    const life: LifeOf<Step | Tick> = yield* Worker.context
    const children: Array<ActorRef<Step>> = []
    for (let child = roll(3); child > 0; child--) {
      const options = { supervision: among(supervisions), drain, mailbox: Mailbox.bounded(4) }
      children.push(yield* Child.spawnChild(`${child}`, buildChild(`${life.id}/${child}`), options))
    }
    if (roll(8) === 0) yield* life.timers.periodic("beat", 1 + roll(9), new Tick({ why: "built" }))
    yield* unsettled
    let isOpen = false
    const child = () => (children.length === 0 ? undefined : among(children))
    const forChild = (step: Step) =>
      new Step({
        key: `${step.key}/child`,
        sender: step.sender,
        n: step.n,
        kind: among(["answer", "yield", "sleep", "crash", "crashLater", "refuse"] as const)
      })
    const special = (step: Step): Effect.Effect<unknown> | undefined => {
      const { timers } = life
      const name = `${roll(2)}`
      const tick = (why: string) => new Tick({ why })
      switch (step.kind) {
        case "open":
          isOpen = true
          return life.unstashAll
        case "become":
          return life.become(handlers(1 + roll(3)))
        case "unbecome":
          return life.unbecome
        case "single":
          return timers.single(name, roll(6), tick("single"))
        case "periodic":
          return timers.periodic(name, 1 + roll(6), tick("periodic"))
        case "cancel":
          return roll(3) === 0 ? timers.cancelAll : timers.cancel(name)
        case "stop":
          return life.stop
        case "tellChild":
          return child()?.tell(forChild(step))
        case "askChild": {
          const asked = child()
          return asked === undefined ? undefined : Effect.exit(asked.ask(forChild(step)))
        }
        case "watchChild": {
          const watched = child()
          return watched === undefined ? undefined : life.watch(watched, () => tick("watch"))
        }
        case "pipe":
          return life.pipeToSelf(Effect.sleep(roll(6)), () => tick("pipe"))
        default:
          return undefined
      }
    }
    const handlers = (version: number): ReturnType<typeof table> => table(version)
    const table = (version: number) =>
      Worker.of({
        Step: (step: Step): Effect.Effect<string, Refused> => {
          if (step.kind === "putAside" && !isOpen) return life.stash
          const effect = special(step)
          return entering(
            life.id,
            step,
            concurrency,
            effect === undefined ? plain(step) : Effect.as(effect, step.key)
          )
        },
        Tick: (): Effect.Effect<void> => {
          const luck = roll(8 * version)
          if (luck === 0) return Effect.die(new Error("tick"))
          if (luck === 1) return life.stash
          return luck === 2 ? Effect.sleep(roll(4)) : Effect.void
        }
      })
    return table(1)
  })
  const layer = Worker.toLayer(build, {
    mailbox,
    concurrency,
    drain,
    supervision: among(supervisions),
    children: among(["one-for-one", "one-for-all", "rest-for-one"]),
    stashCapacity: 1 + roll(4),
    ...(roll(2) === 0 ? { passivateAfter: 1 + roll(5) } : {}),
    ...(roll(2) === 0 ? { activeMax: 1 + roll(2) } : {})
  })
  return { layer, isOrdered: mailbox.rank === undefined }
}

/** One seed: actors with everything that they can do, and whoever disturbs them; every promise is checked at every step. */
const scenario = (seed: number) =>
  Effect.gen(function* () {
    const luck = dice(seed)
    const { among, roll } = luck
    const at = `seed ${seed}`
    const system = yield* ActorSystem
    const story: Story = { begun: [], letters: [], wrong: [], lives: 0 }
    yield* Effect.forkScoped(
      Stream.runForEach(system.deadLetters, ({ message }) =>
        Effect.sync(() => story.letters.push("key" in message ? message.key : message))
      ),
      { startImmediately: true }
    )
    const { isOrdered, layer } = workers(luck, story)
    const start = Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Layer.build(Layer.fresh(layer)).pipe(Scope.provide(scope))
      return scope
    })
    let scope = yield* start
    const agrees = Effect.map(system.counters, (now) =>
      assert.strictEqual(
        now.sent,
        now.handled + now.deadLettered + now.queued,
        `${at}: ${JSON.stringify(now)}`
      )
    )
    /** Lets time pass until all of this has ended. */
    const outwait = (fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>, what: string) =>
      Effect.gen(function* () {
        const waits = () => fibers.some((fiber) => fiber.pollUnsafe() === undefined)
        for (let turn = 0; turn < 1000 && waits(); turn++) {
          yield* TestClock.adjust(1)
          yield* agrees
        }
        assert.isFalse(waits(), `${at}: ${what} for ever`)
      })

    const ids = ["a", "b", "c"].slice(0, 1 + roll(3))
    const sent: Array<string> = []
    const sender = (number: number) =>
      Effect.gen(function* () {
        for (let n = 0; n < 12; n++) {
          const worker = yield* Worker.ref(among(ids))
          const key = `${number}.${n}`
          const step = new Step({ key, sender: number, n, kind: roll(3) === 0 ? "answer" : among(kinds) })
          switch (roll(4)) {
            case 0:
              yield* worker.tell(step)
              sent.push(key)
              break
            case 1: {
              const asker = yield* Effect.forkChild(worker.ask(step), { startImmediately: true })
              yield* Effect.repeat(Effect.yieldNow, { times: roll(4) })
              yield* Fiber.interrupt(asker)
              break
            }
            default: {
              const exit = yield* Effect.exit(worker.ask(step))
              sent.push(key)
              const answer = Exit.isSuccess(exit) ? exit.value : (Cause.squash(exit.cause) as Error).name
              const expected = step.kind === "refuse" ? "Refused" : step.kind.startsWith("crash") ? "" : key
              if (answer !== "AskError" && answer !== expected)
                story.wrong.push(`${key} ${step.kind}: ${answer}`)
            }
          }
          if (roll(6) === 0) yield* Effect.sleep(roll(8))
        }
      })
    /** Stops actors and waits for their ends, and lets out what they put aside. */
    let disturbing = true
    const disturber = Effect.gen(function* () {
      for (let n = 0; disturbing; n++) {
        yield* Effect.sleep(5 + roll(20))
        const worker = yield* Worker.ref(among(ids))
        if (roll(4) === 0) yield* Actor.stop(worker)
        for (const id of ids) {
          const ref = yield* Worker.ref(id)
          yield* ref.tell(new Step({ key: `open.${n}.${id}`, sender: -1, n, kind: "open" }))
        }
      }
    })
    const watching = yield* Effect.forkChild(
      Effect.forEach(ids, (id) => Effect.flatMap(Worker.ref(id), Actor.awaitStop), {
        concurrency: "unbounded"
      }),
      { startImmediately: true }
    )
    const senders: Array<Fiber.Fiber<void, unknown>> = []
    for (let number = 0; number < 4; number++) senders.push(yield* Effect.forkChild(sender(number)))
    const disturbed = yield* Effect.forkChild(disturber)

    let closings = roll(3)
    for (let turn = 0; turn < 2000 && senders.some((fiber) => fiber.pollUnsafe() === undefined); turn++) {
      yield* TestClock.adjust(1)
      yield* agrees
      if (closings > 0 && roll(20) === 0) {
        closings--
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        yield* outwait([closing], "a layer closes")
        scope = yield* start
      }
    }
    yield* outwait(senders, "a sender waits")
    disturbing = false
    yield* outwait([disturbed], "a stop waits")
    yield* TestClock.adjust("100 millis")
    yield* agrees
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
    yield* outwait([closing, watching], "the end waits")
    yield* settle

    assert.deepStrictEqual(story.wrong, [], at)
    const end = yield* system.counters
    assert.strictEqual(end.queued, 0, at)
    assert.strictEqual(end.actors, 0, `${at}: actors are left`)
    assert.strictEqual(story.lives, 0, `${at}: finalizers that did not run`)
    assert.strictEqual(end.sent, end.handled + end.deadLettered, at)
    assert.strictEqual(story.letters.length, end.deadLettered, at)
    const begun = story.begun.map(({ step }) => step.key)
    assert.strictEqual(new Set(begun).size, begun.length, `${at}: a message was handled twice`)
    const buried = story.letters.filter((letter) => typeof letter === "string")
    assert.strictEqual(new Set(buried).size, buried.length, `${at}: a dead letter twice`)
    const known = new Set([...begun, ...buried])
    assert.deepStrictEqual(
      sent.filter((key) => !known.has(key)),
      [],
      `${at}: messages that vanished`
    )
    // In order per sender and actor; what was put aside is overtaken by what was not.
    const last = new Map<string, number>()
    for (const { id, step } of story.begun) {
      if (!isOrdered && !id.includes("/")) continue
      const way = `${id} ${step.sender} ${step.kind === "putAside" ? "aside" : ""}`
      if (!id.includes("/")) assert.isAbove(step.n, last.get(way) ?? -1, `${at}: order of ${way}`)
      last.set(way, step.n)
    }
    return begun.length
  })

describe("everything at once", () => {
  it.effect(
    "no message is lost, doubled or overtaken, nobody waits for ever, and the counters agree, over all seeds",
    () =>
      Effect.gen(function* () {
        const seeds = count({ quick: 150, long: 5_000 })
        let begun = 0
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          begun += yield* scenario(seed).pipe(
            Effect.scoped,
            Effect.provide(Layer.fresh(ActorSystem.layer), { local: true })
          )
        }
        assert.isAbove(begun, seeds * 10)
      }),
    { timeout: patience(300_000) }
  )
})
