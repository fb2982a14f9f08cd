import { assert, describe, it } from "@effect/vitest"
import { Permanent, Queue, RetryAfter, Worker } from "@troupe/queue"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Email, email, memory, pass } from "./Fixture.ts"

const doubling = Schedule.exponential("1 second")

describe("retry", () => {
  it.effect("a failed job comes again after the delays of the schedule, then succeeds", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email })
      const queue = yield* Emails.open
      const tried: Array<readonly [number, number]> = []
      yield* Worker.run(Emails, {
        retry: doubling,
        handler: (job) =>
          Effect.gen(function* () {
            tried.push([job.attempt, yield* Clock.currentTimeMillis])
            if (job.attempt < 4) return yield* Effect.fail("smtp is down")
          })
      }).pipe(Effect.forkChild)
      yield* queue.offer(email("1"))
      yield* pass(10_000)
      assert.deepStrictEqual(
        tried.map(([attempt]) => attempt),
        [1, 2, 3, 4]
      )
      const times = tried.map(([, at]) => at)
      assert.deepStrictEqual(
        times.slice(1).map((at, i) => at - (times[i] ?? 0)),
        [1_000, 2_000, 4_000]
      )
      const info = yield* queue.info
      assert.deepStrictEqual(info, { pending: 0, inFlight: 0, redelivered: 0, abandoned: 0, dead: 0 })
    }).pipe(Effect.provide(memory))
  )

  it.effect("while a job waits for its next attempt the others are worked on", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email })
      const queue = yield* Emails.open
      const done: Array<string> = []
      yield* Worker.run(Emails, {
        retry: doubling,
        handler: (job) =>
          job.payload.id === "bad" && job.attempt === 1
            ? Effect.fail("not yet")
            : Effect.sync(() => done.push(job.payload.id))
      }).pipe(Effect.forkChild)
      yield* queue.offerAll([email("bad"), email("2"), email("3")])
      yield* pass(500)
      assert.deepStrictEqual(done, ["2", "3"])
      assert.deepInclude(yield* queue.info, { pending: 0, inFlight: 1 })
      yield* pass(1_000)
      assert.deepStrictEqual(done, ["2", "3", "bad"])
    }).pipe(Effect.provide(memory))
  )

  it.effect("a handler that knows when says so, and the attempt counts", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, maxAttempts: 3 })
      const queue = yield* Emails.open
      const at: Array<number> = []
      yield* Worker.run(Emails, {
        retry: doubling,
        handler: () =>
          Effect.gen(function* () {
            at.push(yield* Clock.currentTimeMillis)
            return yield* new RetryAfter({ delayMillis: 7_000, reason: "429" })
          })
      }).pipe(Effect.forkChild)
      yield* queue.offer(email("1"))
      yield* pass(60_000)
      assert.deepStrictEqual(
        at.map((t) => t - (at[0] ?? 0)),
        [0, 7_000, 14_000]
      )
      const [letter] = yield* Stream.runCollect(queue.deadLetters)
      assert.deepInclude(letter, { reason: "attempts", attempts: 3 })
      assert.include(letter?.cause, "429")
    }).pipe(Effect.provide(memory))
  )

  it.effect("a schedule that ends makes a dead letter before the attempts are used up", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, maxAttempts: 10 })
      const queue = yield* Emails.open
      let tried = 0
      yield* Worker.run(Emails, {
        retry: doubling.pipe(Schedule.upTo({ times: 2 })),
        handler: () =>
          Effect.andThen(
            Effect.sync(() => tried++),
            Effect.fail("no")
          )
      }).pipe(Effect.forkChild)
      yield* queue.offer(email("1"))
      yield* pass(60_000)
      assert.strictEqual(tried, 3)
      assert.strictEqual((yield* queue.info).dead, 1)
    }).pipe(Effect.provide(memory))
  )

  it.effect("a handler slower than ackWait keeps its job", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, ackWait: "3 seconds" })
      const queue = yield* Emails.open
      let begun = 0
      for (const name of ["one", "two"]) {
        yield* Worker.run(Emails, {
          name,
          handler: () =>
            Effect.andThen(
              Effect.sync(() => begun++),
              Effect.sleep("20 seconds")
            )
        }).pipe(Effect.forkChild)
      }
      yield* queue.offer(email("1"))
      yield* pass(30_000)
      assert.strictEqual(begun, 1)
      assert.deepInclude(yield* queue.info, { pending: 0, inFlight: 0, dead: 0 })
    }).pipe(Effect.provide(memory))
  )

  it.effect("a failure that is permanent is not tried again", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email })
      const queue = yield* Emails.open
      let tried = 0
      yield* Worker.run(Emails, {
        retry: doubling,
        isPermanent: (error) => error === "unknown address",
        handler: (job) => {
          tried++
          return job.payload.id === "1"
            ? Effect.fail(new Permanent({ reason: "no such mailbox" }))
            : Effect.fail("unknown address")
        }
      }).pipe(Effect.forkChild)
      yield* queue.offerAll([email("1"), email("2")])
      yield* pass(30_000)
      assert.strictEqual(tried, 2)
      const letters = yield* Stream.runCollect(queue.deadLetters)
      assert.deepStrictEqual(
        letters.map((letter) => [letter.reason, letter.attempts]),
        [
          ["permanent", 1],
          ["permanent", 1]
        ]
      )
      assert.include(letters[0]?.cause, "no such mailbox")
    }).pipe(Effect.provide(memory))
  )
})
