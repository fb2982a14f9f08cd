import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, Message, Supervision } from "@troupe/runtime"
import { Interleavings, TestKit } from "@troupe/runtime/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { Account, Deposit, Overdrawn, Withdraw } from "./bank.ts"

class Pay extends Message.Class<Pay>()("Pay", {
  payload: { amount: Schema.Int },
  success: Schema.String
}) {}
class Remind extends Message.Class<Remind>()("Remind", { payload: { after: Schema.Int } }) {}
class Bell extends Message.Class<Bell>()("Bell", { payload: { n: Schema.Int } }) {}
const Till = Actor.make("test/Till", [Pay, Remind])
const Ear = Actor.make("test/Ear", [Bell, Pay])

/** Takes money from the account "ada", and rings the ear "e" later. */
const tills = Till.toLayer(
  {
    Pay: ({ amount }) =>
      Effect.gen(function* () {
        const account = yield* Account.ref("ada")
        return yield* account.ask(new Withdraw({ amount })).pipe(
          Effect.map((left) => `paid, ${left} left`),
          Effect.catchTag("Overdrawn", ({ balance }) => Effect.succeed(`only ${balance} there`)),
          Effect.catch(() => Effect.succeed("no answer"))
        )
      }),
    Remind: ({ after }) =>
      Effect.gen(function* () {
        const ear = yield* Ear.ref("e")
        for (let n = 1; n <= 3; n++) {
          yield* Effect.sleep(after)
          for (let hop = 0; hop < 10; hop++) yield* Effect.yieldNow
          yield* ear.tell(new Bell({ n }))
        }
      })
  },
  // Nothing moves the clock for a test that fails.
  { drain: 0 }
)
const inSystem = Effect.provide(tills.pipe(Layer.provideMerge(ActorSystem.layer)))
const now = TestClock.testClockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

describe("TestKit.probe", () => {
  it.effect("stands in for an actor that the code under test looks up, and answers as the test says", () =>
    Effect.gen(function* () {
      const account = yield* TestKit.probe(Account, { id: "ada" })
      const till = yield* Till.ref("t")
      const pay = (amount: number) => Effect.forkChild(till.ask(new Pay({ amount })))

      const first = yield* pay(3)
      const withdraw = yield* account.expect(Withdraw)
      assert.deepStrictEqual(withdraw.message, new Withdraw({ amount: 3 }))
      yield* withdraw.reply(7)
      assert.strictEqual(yield* Fiber.join(first), "paid, 7 left")

      const second = yield* pay(9)
      const { fail, message } = yield* account.expect("Withdraw")
      assert.strictEqual(message.amount, 9)
      yield* fail(new Overdrawn({ balance: 7 }))
      yield* fail(new Overdrawn({ balance: 1 }))
      assert.strictEqual(yield* Fiber.join(second), "only 7 there")

      assert.deepStrictEqual(yield* account.received, [
        new Withdraw({ amount: 3 }),
        new Withdraw({ amount: 9 })
      ])
    }).pipe(inSystem)
  )

  it.effect("answers by `replies`, and what is void by itself", () =>
    Effect.gen(function* () {
      let balance = 0
      const account = yield* TestKit.probe(Account, {
        replies: { Deposit: ({ amount }) => Effect.sync(() => (balance += amount)) }
      })
      yield* account.ref.tell(new Deposit({ id: "1", amount: 2 }))
      assert.strictEqual(yield* account.ref.ask(new Deposit({ id: "2", amount: 3 })), 5)
      const ear = yield* TestKit.probe(Ear)
      yield* ear.ref.ask(new Bell({ n: 1 }))
      assert.notStrictEqual(ear.ref.id, account.ref.id)
      assert.strictEqual((yield* account.received).length, 2)
    }).pipe(inSystem)
  )

  it.effect("waits as long as it is told, and the clock stops at the moment in which the message comes", () =>
    Effect.gen(function* () {
      const ear = yield* TestKit.probe(Ear, { id: "e" })
      yield* (yield* Till.ref("t")).tell(new Remind({ after: 100 }))
      // Nothing comes without time.
      assert.strictEqual((yield* Effect.flip(ear.expect(Bell))).kind, "missing")
      assert.strictEqual(yield* now, 0)
      yield* ear.expectNothing(99)
      assert.strictEqual(yield* now, 99)
      yield* ear.expect(Bell, { within: "1 hour" })
      assert.strictEqual(yield* now, 100)
      assert.strictEqual((yield* ear.expect("Bell", { within: 100 })).message.n, 2)
      assert.strictEqual(yield* now, 200)
      const late = yield* Effect.flip(ear.expect(Bell, { within: 99 }))
      assert.match(
        late.message,
        /^probe test\/Ear\/e expected Bell within 99ms, and nothing came\. Expected before:\n {2}Bell \{ n: 1 \}\n {2}Bell \{ n: 2 \}$/
      )
      assert.strictEqual(yield* now, 299)
      const early = yield* Effect.flip(ear.expectNothing(1))
      assert.match(early.message, /expected nothing, and .*Bell.* came/)
    }).pipe(inSystem)
  )

  it.effect("does not pass over a message of another kind", () =>
    Effect.gen(function* () {
      const ear = yield* TestKit.probe(Ear, { replies: { Pay: () => Effect.succeed("") } })
      yield* ear.ref.tell(new Pay({ amount: 1 }))
      yield* ear.ref.tell(new Bell({ n: 1 }))
      const error = yield* Effect.flip(ear.expect(Bell))
      assert.strictEqual(error.kind, "unexpected")
      assert.match(error.message, /expected Bell, and Pay \{ amount: 1 \} came\. Nothing came before\.$/)
      yield* ear.expect(Pay)
      yield* ear.expect(Bell)
      yield* ear.expectNothing()
    }).pipe(inSystem)
  )

  it.effect("says that it waits for the test's own answer, when that is why nothing comes", () =>
    Effect.gen(function* () {
      const ear = yield* TestKit.probe(Ear)
      yield* ear.ref.tell(new Pay({ amount: 1 }))
      yield* ear.ref.tell(new Bell({ n: 1 }))
      const pay = yield* ear.expect(Pay)
      const error = yield* Effect.flip(ear.expect(Bell, { within: 10 }))
      assert.match(
        error.message,
        /nothing came\. It waits for the test to answer Pay \(or give `replies`\)\./
      )
      yield* pay.reply("")
      yield* ear.expect(Bell)
      assert.notInclude((yield* Effect.flip(ear.expect(Bell))).message, "waits for the test")
    }).pipe(inSystem)
  )

  it.effect("and what it sees is the same in every order of steps", () =>
    Interleavings.explore({
      seeds: 200,
      scenario: Effect.gen(function* () {
        const ear = yield* TestKit.probe(Ear, { id: "e" })
        const letters = yield* TestKit.deadLetters
        yield* (yield* Till.ref("t")).tell(new Remind({ after: 100 }))
        yield* ear.expectNothing(99)
        for (const n of [1, 2, 3]) {
          assert.strictEqual((yield* ear.expect(Bell, { within: "1 hour" })).message.n, n)
          assert.strictEqual(yield* now, n * 100)
        }
        yield* (yield* Ear.ref("nobody")).tell(new Bell({ n: 4 }))
        yield* letters.expect("unhosted")
        yield* letters.expectNothing("1 hour")
      }).pipe(inSystem)
    })
  )

  it.effect("waits in real time under a real clock", () =>
    Effect.gen(function* () {
      const ear = yield* TestKit.probe(Ear, { id: "e" })
      yield* (yield* Till.ref("t")).tell(new Remind({ after: 5 }))
      assert.strictEqual((yield* ear.expect(Bell, { within: "20 seconds" })).message.n, 1)
      assert.strictEqual((yield* Effect.flip(ear.expect(Pay, { within: "20 seconds" }))).kind, "unexpected")
    }).pipe(inSystem, TestClock.withLive)
  )
})

describe("TestKit's collectors", () => {
  it.effect("see every dead letter and all that is inspected from the moment they are made", () =>
    Effect.gen(function* () {
      const letters = yield* TestKit.deadLetters
      const events = yield* TestKit.inspected
      const nobody = yield* Account.ref("nobody")
      yield* nobody.tell(new Withdraw({ amount: 1 }))
      const letter = yield* letters.expect("unhosted")
      assert.deepStrictEqual(letter.message, new Withdraw({ amount: 1 }))
      yield* letters.expectNothing("1 minute")
      const buried = yield* events.expect("DeadLettered")
      assert.strictEqual(buried.letter, letter)
      const ear = yield* TestKit.probe(Ear, { id: "e" })
      yield* ear.ref.tell(new Bell({ n: 1 }))
      assert.strictEqual((yield* events.expect("Spawned")).id, "e")
      yield* events.expect("Received")
      const wrong = yield* Effect.flip(events.expect("Failed"))
      assert.match(wrong.message, /^inspection expected Failed, and Completed \{/)
      const tags = (yield* events.received).map((event) => event._tag)
      assert.deepStrictEqual(tags, ["DeadLettered", "Spawned", "Received", "Completed"])
    }).pipe(inSystem)
  )

  it.effect("miss nothing that comes right after they are made, in any order of steps", () =>
    Interleavings.explore({
      seeds: 300,
      scenario: Effect.gen(function* () {
        const nobody = yield* Account.ref("nobody")
        const letters = yield* TestKit.deadLetters
        yield* nobody.tell(new Withdraw({ amount: 1 }))
        assert.strictEqual((yield* letters.received).length, 1)
      }).pipe(inSystem)
    })
  )

  it.effect("wait for what comes with time", () =>
    Effect.gen(function* () {
      const events = yield* TestKit.inspected
      const fails = yield* Ear.spawn(
        "e",
        { Bell: () => Effect.delay(Effect.die(new Error("boom")), 50), Pay: () => Effect.succeed("") },
        { supervision: Supervision.stop }
      )
      yield* fails.tell(new Bell({ n: 1 }))
      yield* events.expect("Spawned")
      yield* events.expect("Received")
      yield* events.expect("Failed", { within: "1 second" })
      yield* events.expect("DeadLettered")
      yield* events.expect("Stopped")
      assert.strictEqual(yield* now, 50)
    }).pipe(inSystem)
  )
})
