import { assert, describe, it } from "@effect/vitest"
import { Queue, Worker } from "@troupe/queue"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { Email, email, memory, pass } from "./Fixture.ts"

const keys = ["ada", "bob", "cyd", "dan", "eve"]

describe("order by key", () => {
  it.effect("jobs of one key are worked on in the order of their offers, across retries and workers", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", {
        payload: Email,
        orderingKey: (it) => it.to,
        lanes: 4,
        maxAttempts: 10
      })
      const queue = yield* Emails.open
      const begun = new Map<string, Array<number>>()
      const done = new Map<string, Array<number>>()
      let running = 0
      let runningMax = 0
      for (const name of ["one", "two"]) {
        yield* Worker.run(Emails, {
          name,
          retry: Schedule.spaced("200 millis"),
          handler: (job) =>
            Effect.gen(function* () {
              const { n, to } = job.payload
              runningMax = Math.max(runningMax, ++running)
              begun.set(to, [...(begun.get(to) ?? []), n])
              yield* Effect.sleep(yield* Random.nextIntBetween(1, 30))
              running--
              if (job.attempt < 3 && n % 3 === 0) return yield* Effect.fail("not yet")
              done.set(to, [...(done.get(to) ?? []), n])
            })
        }).pipe(Effect.forkChild)
      }
      const jobs = Array.from({ length: 50 }, (_, i) => email(`${i}`, keys[i % keys.length], i))
      yield* queue.offerAll(jobs)
      yield* pass(30_000)
      for (const [index, key] of keys.entries()) {
        const expected = jobs.map((job) => job.n).filter((n) => n % keys.length === index)
        assert.deepStrictEqual(done.get(key), expected, key)
        assert.deepStrictEqual(
          begun.get(key),
          expected.flatMap((n) => (n % 3 === 0 ? [n, n, n] : [n])),
          key
        )
      }
      assert.isAbove(runningMax, 1, "lanes run beside each other")
      assert.isAtMost(runningMax, 4)
    }).pipe(Effect.provide(memory))
  )

  it.effect("a dead letter lets the next job of its key go on", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", {
        payload: Email,
        orderingKey: (it) => it.to,
        lanes: 2,
        maxAttempts: 2
      })
      const queue = yield* Emails.open
      const done: Array<string> = []
      yield* Worker.run(Emails, {
        retry: Schedule.spaced("1 second"),
        handler: (job) =>
          job.payload.id === "1" ? Effect.fail("poison") : Effect.sync(() => done.push(job.payload.id))
      }).pipe(Effect.forkChild)
      yield* queue.offerAll([email("1"), email("2")])
      yield* pass(500)
      assert.deepStrictEqual(done, [])
      yield* pass(2_000)
      assert.deepStrictEqual(done, ["2"])
      assert.strictEqual((yield* queue.info).dead, 1)
    }).pipe(Effect.provide(memory))
  )

  it.effect("fewer slots than lanes bound what runs at the same time", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, orderingKey: (it) => it.to, lanes: 8 })
      const queue = yield* Emails.open
      let running = 0
      let runningMax = 0
      let done = 0
      yield* Worker.run(Emails, {
        concurrency: 2,
        handler: () =>
          Effect.gen(function* () {
            runningMax = Math.max(runningMax, ++running)
            yield* Effect.sleep("10 millis")
            running--
            done++
          })
      }).pipe(Effect.forkChild)
      yield* queue.offerAll(Array.from({ length: 40 }, (_, i) => email(`${i}`, `key-${i}`)))
      yield* pass(2_000)
      assert.deepStrictEqual([done, runningMax], [40, 2])
    }).pipe(Effect.provide(memory))
  )

  it.effect("without a key the concurrency is the worker's", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email })
      const queue = yield* Emails.open
      let running = 0
      let runningMax = 0
      yield* Worker.run(Emails, {
        concurrency: 3,
        handler: () =>
          Effect.gen(function* () {
            runningMax = Math.max(runningMax, ++running)
            yield* Effect.sleep("10 millis")
            running--
          })
      }).pipe(Effect.forkChild)
      yield* queue.offerAll(Array.from({ length: 12 }, (_, i) => email(`${i}`)))
      yield* pass(1_000)
      assert.strictEqual(runningMax, 3)
      assert.deepInclude(yield* queue.info, { pending: 0, inFlight: 0 })
    }).pipe(Effect.provide(memory))
  )
})
