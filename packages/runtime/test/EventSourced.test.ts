import { assert, describe, it } from "@effect/vitest"
import {
  Actor,
  ActorSystem,
  EventSourced,
  type History,
  Journal,
  JournalError,
  JournalUnavailable,
  JournalUnknown,
  Message,
  Supervision
} from "@troupe/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Account, Deposit, Overdrawn, Withdraw } from "./bank.ts"
import { inspected, settle } from "./probe.ts"

class Balance extends Schema.Class<Balance>("Balance")({ balance: Schema.Int }) {}
class Deposited extends Schema.TaggedClass<Deposited>()("Deposited", { amount: Schema.Int }) {}
class Withdrawn extends Schema.TaggedClass<Withdrawn>()("Withdrawn", { amount: Schema.Int }) {}
class Fee extends Context.Service<Fee, { readonly amount: Effect.Effect<number> }>()(
  "@troupe/runtime/test/EventSourced.test/Fee"
) {}

const history: History = { actor: "bank/Account", id: "ada" }

const behaviour = (options?: { readonly snapshot?: number; readonly remember?: number }) =>
  EventSourced.make(Account, {
    state: Balance,
    events: [Deposited, Withdrawn],
    initial: () => new Balance({ balance: 0 }),
    evolve: {
      Deposited: (state, { amount }) => new Balance({ balance: state.balance + amount }),
      Withdrawn: (state, { amount }) => new Balance({ balance: state.balance - amount })
    },
    decide: {
      Deposit: (_, { amount }) => EventSourced.persist(new Deposited({ amount }), (next) => next.balance),
      Withdraw: (state, { amount }) =>
        Effect.gen(function* () {
          const fee = yield* (yield* Fee).amount
          yield* Effect.yieldNow
          if (amount + fee > state.balance) return yield* new Overdrawn({ balance: state.balance })
          if (fee === 0)
            return EventSourced.persist(new Withdrawn({ amount }), (next: Balance) => next.balance)
          return EventSourced.persistAll(
            [new Withdrawn({ amount }), new Withdrawn({ amount: fee })],
            (next: Balance) => next.balance
          )
        })
    },
    ...(options?.snapshot === undefined ? {} : { snapshot: EventSourced.every(options.snapshot) }),
    ...(options?.remember === undefined ? {} : { rememberCommands: options.remember })
  })

const fee = (amount: number) => Layer.succeed(Fee, { amount: Effect.succeed(amount) })

/** A system with durable accounts, over the journal around it: each use is a new process as far as the actors can tell. */
const process = (options?: Parameters<typeof behaviour>[0]) =>
  Effect.provide(
    Account.toLayer(behaviour(options), {
      supervision: Supervision.restart({ schedule: Schedule.spaced("100 millis") })
    }).pipe(Layer.provide(fee(0)), Layer.provideMerge(Layer.fresh(ActorSystem.layer)), Layer.fresh),
    { local: true }
  )

const entries = Effect.flatMap(Journal, (journal) => Stream.runCollect(journal.read(history, 0)))

describe("an event-sourced actor", () => {
  it.effect("has its state again after its process restarted", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const ada = yield* Account.ref("ada")
        assert.strictEqual(yield* ada.ask(new Deposit({ id: "1", amount: 5 })), 5)
        assert.strictEqual(yield* ada.ask(new Withdraw({ amount: 2 })), 3)
      }).pipe(process())
      yield* Effect.gen(function* () {
        const ada = yield* Account.ref("ada")
        assert.deepStrictEqual(
          yield* Effect.flip(ada.ask(new Withdraw({ amount: 9 }))),
          new Overdrawn({ balance: 3 })
        )
        assert.strictEqual(yield* ada.ask(new Deposit({ id: "2", amount: 4 })), 7)
      }).pipe(process())
      assert.deepStrictEqual(
        (yield* entries).map((entry) => entry.events),
        [
          [{ _tag: "Deposited", amount: 5 }],
          [{ _tag: "Withdrawn", amount: 2 }],
          [{ _tag: "Deposited", amount: 4 }]
        ]
      )
    }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect("stores the events of one command as one entry", () =>
    Effect.gen(function* () {
      const layer = Account.toLayer(behaviour()).pipe(
        Layer.provide(fee(1)),
        Layer.provideMerge(ActorSystem.layer)
      )
      yield* Effect.gen(function* () {
        const ada = yield* Account.ref("ada")
        yield* ada.ask(new Deposit({ id: "1", amount: 5 }))
        assert.strictEqual(yield* ada.ask(new Withdraw({ amount: 2 })), 2)
      }).pipe(Effect.provide(layer))
      assert.strictEqual((yield* entries).length, 2)
      assert.strictEqual((yield* entries)[1]?.events.length, 2)
    }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect(
    "a command with a primaryKey takes effect once and gets its first answer, also after a restart",
    () =>
      Effect.gen(function* () {
        const twice = Effect.gen(function* () {
          const ada = yield* Account.ref("ada")
          return [
            yield* ada.ask(new Deposit({ id: "d1", amount: 5 })),
            yield* ada.ask(new Deposit({ id: "d2", amount: 5 })),
            yield* ada.ask(new Deposit({ id: "d1", amount: 5 }))
          ]
        })
        assert.deepStrictEqual(yield* twice.pipe(process()), [5, 10, 5])
        assert.deepStrictEqual(yield* twice.pipe(process({ snapshot: 1 })), [5, 10, 5])
        assert.strictEqual((yield* entries).length, 2)
      }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect("snapshots hold the state and the remembered commands, and only what follows is read", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* Effect.gen(function* () {
        const ada = yield* Account.ref("ada")
        for (let n = 1; n <= 10; n++) yield* ada.ask(new Deposit({ id: `${n}`, amount: 1 }))
        yield* settle
      }).pipe(process({ snapshot: 4, remember: 5 }))
      const snapshot = Option.getOrThrow(yield* journal.snapshot(history))
      assert.strictEqual(snapshot.sequence, 8)
      assert.deepStrictEqual(snapshot.state, { balance: 8 })
      assert.deepStrictEqual(
        snapshot.commands.map((command) => command.id),
        ["4", "5", "6", "7", "8"].map((n) => `Deposit:${n}`)
      )
      const read: Array<number> = []
      const spy = Journal.of({
        ...journal,
        read: (of, after) =>
          Stream.tap(journal.read(of, after), (entry) => Effect.sync(() => read.push(entry.sequence)))
      })
      yield* Effect.gen(function* () {
        const ada = yield* Account.ref("ada")
        assert.strictEqual(yield* ada.ask(new Deposit({ id: "6", amount: 1 })), 6)
        assert.strictEqual(yield* ada.ask(new Deposit({ id: "11", amount: 1 })), 11)
      }).pipe(process({ snapshot: 4, remember: 5 }), Effect.provideService(Journal, spy))
      assert.deepStrictEqual(read, [9, 10])
    }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect(
    "that lost a race reads the journal again and decides again: nothing is lost, nothing is overdrawn",
    () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        yield* Effect.gen(function* () {
          const ada = yield* Account.ref("ada")
          const events = yield* inspected
          yield* ada.ask(new Deposit({ id: "1", amount: 5 }))
          // Another process, which believes that it owns the account, withdraws 4 behind this one's back.
          yield* journal.append(history, { expected: 1, events: [{ _tag: "Withdrawn", amount: 4 }] })
          const asker = yield* Effect.forkChild(Effect.flip(ada.ask(new Withdraw({ amount: 3 }))))
          yield* TestClock.adjust("100 millis")
          const error = yield* Fiber.join(asker)
          assert.deepStrictEqual(error, new Overdrawn({ balance: 1 }))
          assert.isTrue(events.some((event) => event._tag === "Restarted"))
        }).pipe(process())
        assert.strictEqual((yield* entries).length, 2)
      }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect(
    "tries a command again when nothing was stored, and parks one that may be stored but has no key",
    () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        let next: "ok" | "unavailable" | "lost" = "ok"
        const faulty = Journal.of({
          ...journal,
          append: (of, entry) =>
            Effect.suspend(() => {
              const fate = next
              next = "ok"
              const error = (reason: JournalUnavailable | JournalUnknown) =>
                new JournalError({ reason, history: of.id, detail: "injected" })
              if (fate === "unavailable") return Effect.fail(error(new JournalUnavailable({})))
              const appended = journal.append(of, entry)
              return fate === "ok"
                ? appended
                : Effect.andThen(appended, Effect.fail(error(new JournalUnknown({}))))
            })
        })
        yield* Effect.gen(function* () {
          const ada = yield* Account.ref("ada")
          const after = <A, E>(effect: Effect.Effect<A, E>) =>
            Effect.gen(function* () {
              const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
              yield* TestClock.adjust("100 millis")
              return yield* Fiber.join(fiber)
            })
          next = "unavailable"
          assert.strictEqual(yield* after(ada.ask(new Deposit({ id: "1", amount: 5 }))), 5)
          next = "lost"
          assert.strictEqual(yield* after(ada.ask(new Deposit({ id: "2", amount: 5 }))), 10)
          next = "lost"
          const error = yield* after(Effect.flip(ada.ask(new Withdraw({ amount: 1 }))))
          assert.strictEqual(error._tag === "AskError" && error.reason._tag, "Parked")
          assert.strictEqual(yield* after(ada.ask(new Deposit({ id: "3", amount: 0 }))), 9)
        }).pipe(process(), Effect.provideService(Journal, faulty))
        assert.strictEqual((yield* entries).length, 4)
      }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect("ignores a snapshot that does not fit the state's schema: the history makes the state anew", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* journal.append(history, { expected: 0, events: [{ _tag: "Deposited", amount: 5 }] })
      yield* journal.saveSnapshot(history, { sequence: 1, state: { money: "5" }, commands: [] })
      yield* Effect.gen(function* () {
        const ada = yield* Account.ref("ada")
        assert.strictEqual(yield* ada.ask(new Deposit({ id: "1", amount: 1 })), 6)
      }).pipe(process())
    }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect("does not handle commands over a history that it cannot read", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* journal.append(history, { expected: 0, events: [{ _tag: "Deposited", amount: "much" }] })
      const layer = Account.toLayer(behaviour(), { supervision: Supervision.stop }).pipe(
        Layer.provide(fee(0)),
        Layer.provideMerge(ActorSystem.layer)
      )
      yield* Effect.gen(function* () {
        const events = yield* inspected
        const ada = yield* Account.ref("ada")
        const error = yield* Effect.flip(ada.ask(new Deposit({ id: "1", amount: 1 })))
        assert.strictEqual(error.reason._tag, "Stopped")
        yield* settle
        assert.isTrue(
          events.some((event) => event._tag === "Failed" && String(event.cause).includes("JournalDamaged"))
        )
      }).pipe(Effect.provide(layer))
      assert.strictEqual((yield* entries).length, 1)
    }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect("answers without events store nothing", () =>
    Effect.gen(function* () {
      class Get extends Message.Class<Get>()("Get", { success: Schema.Int }) {}
      class Touch extends Message.Class<Touch>()("Touch", {}) {}
      const Reader = Actor.make("test/Reader", [Get, Touch])
      const layer = Reader.toLayer(
        EventSourced.make(Reader, {
          state: Schema.Struct({ n: Schema.Int }),
          events: [Deposited],
          initial: () => ({ n: 7 }),
          evolve: { Deposited: (state) => state },
          decide: { Get: (state) => EventSourced.reply(state.n), Touch: () => EventSourced.noop }
        })
      ).pipe(Layer.provideMerge(ActorSystem.layer))
      yield* Effect.gen(function* () {
        const reader = yield* Reader.ref("ada")
        assert.strictEqual(yield* reader.ask(new Get()), 7)
        yield* reader.ask(new Touch())
      }).pipe(Effect.provide(layer))
      const journal = yield* Journal
      const stored = yield* Stream.runCollect(journal.read({ actor: "test/Reader", id: "ada" }, 0))
      assert.strictEqual(stored.length, 0)
    }).pipe(Effect.provide(Journal.layerMemory))
  )
})

describe("Journal.layerMemory", () => {
  it.effect("keeps histories apart whose names run together", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* journal.append({ actor: "a", id: "bc" }, { expected: 0, events: [1] })
      yield* journal.append({ actor: "ab", id: "c" }, { expected: 0, events: [2] })
      const error = yield* Effect.flip(journal.append({ actor: "ab", id: "c" }, { expected: 0, events: [3] }))
      assert.deepStrictEqual(error.reason._tag === "JournalConflict" && error.reason.actual, 1)
      const read = yield* Stream.runCollect(journal.read({ actor: "ab", id: "c" }, 0))
      assert.deepStrictEqual(read, [{ sequence: 1, events: [2] }])
    }).pipe(Effect.provide(Journal.layerMemory))
  )
})
