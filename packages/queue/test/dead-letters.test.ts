import { assert, describe, it } from "@effect/vitest"
import { Queue, Worker } from "@troupe/queue"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Email, email, memory, pass } from "./Fixture.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const quick = Schedule.spaced("1 second")

describe("dead letters", () => {
  it.effect("after maxAttempts a job is put aside, with its payload, cause, attempts and headers", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", {
        payload: Email,
        maxAttempts: 3,
        idempotencyKey: (it) => it.id
      })
      const queue = yield* Emails.open
      let tried = 0
      yield* Worker.run(Emails, {
        retry: quick,
        handler: () => {
          tried++
          return Effect.fail("smtp is down\nfor good")
        }
      }).pipe(Effect.forkChild)
      const { sequence } = yield* queue.offer(email("m-1"), { headers: { trace: "t-1" } })
      yield* pass(60_000)
      assert.strictEqual(tried, 3)
      const [letter, ...others] = yield* Stream.runCollect(queue.deadLetters)
      assert.deepStrictEqual(others, [])
      assert.deepInclude(letter, {
        jobId: "m-1",
        reason: "attempts",
        attempts: 3,
        jobSequence: sequence,
        payload: Result.succeed(email("m-1")),
        headers: { trace: "t-1" }
      })
      assert.match(letter?.cause ?? "", /smtp is down \| for good/)
      assert.deepStrictEqual(yield* queue.info, {
        pending: 0,
        inFlight: 0,
        redelivered: 0,
        abandoned: 0,
        dead: 1
      })
    }).pipe(Effect.provide(memory))
  )

  it.effect("a crashed handler counts as an attempt and does not stop its worker", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, maxAttempts: 2 })
      const queue = yield* Emails.open
      const done: Array<string> = []
      yield* Worker.run(Emails, {
        retry: quick,
        handler: (job) =>
          job.payload.id === "bad"
            ? Effect.die(new TypeError("undefined is not"))
            : Effect.sync(() => done.push(job.payload.id))
      }).pipe(Effect.forkChild)
      yield* queue.offerAll([email("bad"), email("good")])
      yield* pass(10_000)
      assert.deepStrictEqual(done, ["good"])
      const [letter] = yield* Stream.runCollect(queue.deadLetters)
      assert.deepInclude(letter, { reason: "attempts", attempts: 2 })
      assert.include(letter?.cause, "undefined is not")
    }).pipe(Effect.provide(memory))
  )

  it.effect("a payload that does not fit is a dead letter at once, whatever its bytes", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email })
      const queue = yield* Emails.open
      const done: Array<string> = []
      yield* Worker.run(Emails, {
        handler: (job) => Effect.sync(() => done.push(job.payload.id))
      }).pipe(Effect.forkChild)
      for (const data of [bytes("{"), bytes(`{"id":1}`), Uint8Array.of(0xff, 0xfe)]) {
        yield* queue.topic.append({ subject: "job", data })
      }
      yield* queue.offer(email("good"))
      yield* pass(100)
      assert.deepStrictEqual(done, ["good"])
      const letters = yield* Stream.runCollect(queue.deadLetters)
      assert.deepStrictEqual(
        letters.map((letter) => [letter.reason, letter.attempts, Result.isFailure(letter.payload)]),
        [
          ["undecodable", 1, true],
          ["undecodable", 1, true],
          ["undecodable", 1, true]
        ]
      )
    }).pipe(Effect.provide(memory))
  )

  it.effect("a redriven job is the same job with all its attempts, and its dead letter is gone", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, maxAttempts: 2, idempotencyKey: (it) => it.id })
      const queue = yield* Emails.open
      const seen: Array<string> = []
      let mended = false
      yield* Worker.run(Emails, {
        retry: quick,
        handler: (job) => {
          seen.push(`${job.id}/${job.attempt}/${job.headers["trace"]}`)
          return mended ? Effect.void : Effect.fail("down")
        }
      }).pipe(Effect.forkChild)
      yield* queue.offer(email("m-1"), { headers: { trace: "t" } })
      yield* pass(5_000)
      mended = true
      const [letter] = yield* Stream.runCollect(queue.deadLetters)
      const offered = yield* queue.redrive(letter?.sequence ?? 0)
      assert.deepInclude(offered, { jobId: "m-1", duplicate: false })
      yield* pass(100)
      assert.deepStrictEqual(seen, ["m-1/1/t", "m-1/2/t", "m-1/1/t"])
      assert.strictEqual((yield* queue.info).dead, 0)
      const error = yield* Effect.flip(queue.redrive(letter?.sequence ?? 0))
      assert.strictEqual(error.reason._tag, "NotFound")
    }).pipe(Effect.provide(memory))
  )

  it.effect("redriveAll empties the dead letters; the ones that fail again come back", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, maxAttempts: 1 })
      const queue = yield* Emails.open
      let mended = false
      yield* Worker.run(Emails, {
        handler: (job) => (mended && job.payload.id !== "3" ? Effect.void : Effect.fail("down"))
      }).pipe(Effect.forkChild)
      yield* queue.offerAll(["1", "2", "3"].map((id) => email(id)))
      yield* pass(100)
      assert.strictEqual((yield* queue.info).dead, 3)
      mended = true
      assert.strictEqual(yield* queue.redriveAll, 3)
      yield* pass(100)
      const letters = yield* Stream.runCollect(queue.deadLetters)
      assert.deepStrictEqual(
        letters.map((letter) => Result.map(letter.payload, (it) => it.id)),
        [Result.succeed("3")]
      )
    }).pipe(Effect.provide(memory))
  )

  it.effect("followers of the dead letters see the old and the new", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, maxAttempts: 1 })
      const queue = yield* Emails.open
      yield* Worker.run(Emails, { handler: () => Effect.fail("down") }).pipe(Effect.forkChild)
      yield* queue.offer(email("1"))
      yield* pass(100)
      const following = yield* queue.followDeadLetters.pipe(
        Stream.take(2),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* pass(100)
      yield* queue.offer(email("2"))
      yield* pass(100)
      assert.lengthOf(yield* Fiber.join(following), 2)
    }).pipe(Effect.provide(memory))
  )

  it.effect("a job whose worker died on the last attempt is put aside by any other worker's upkeep", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, maxAttempts: 1, ackWait: "2 seconds" })
      const queue = yield* Emails.open
      yield* queue.offer(email("1"))
      // A worker that dies: it holds the only delivery and is never heard of again.
      const dead = yield* queue.subscriptions[0]?.reader() ?? Effect.die("no lane")
      yield* dead.take(1)
      yield* pass(5_000)
      assert.deepInclude(yield* queue.info, { abandoned: 1, dead: 0 })
      for (const name of ["one", "two"]) {
        yield* Worker.run(Emails, {
          name,
          handler: () => Effect.die("it must not run again"),
          upkeepEvery: "1 second"
        }).pipe(Effect.forkChild)
      }
      yield* pass(5_000)
      const letters = yield* Stream.runCollect(queue.deadLetters)
      assert.deepStrictEqual(
        letters.map((letter) => [letter.reason, letter.attempts]),
        [["abandoned", 1]]
      )
      assert.deepInclude(yield* queue.info, { pending: 0, inFlight: 0, dead: 1 })
    }).pipe(Effect.provide(memory))
  )
})
