import { assert, describe, it } from "@effect/vitest"
import { layerMemoryWith, seededFaults } from "@troupe/broker"
import { Queue, Worker } from "@troupe/queue"
import { ActorSystem } from "@troupe/runtime"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Email, email, memory, pass } from "./Fixture.ts"

const range = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe("no job is lost", () => {
  it.effect("a job that was offered before any worker or reader existed is worked on", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email })
      const queue = yield* Emails.open
      yield* queue.offerAll(range(3).map((i) => email(`${i}`)))
      assert.deepInclude(yield* queue.info, { pending: 3 })
      const done: Array<string> = []
      yield* Worker.run(Emails, { handler: (job) => Effect.sync(() => done.push(job.payload.id)) }).pipe(
        Effect.forkChild
      )
      yield* pass(100)
      assert.deepStrictEqual(done, ["1", "2", "3"])
    }).pipe(Effect.provide(memory))
  )

  it.effect(
    "a worker that dies in the middle: another one gets the job after ackWait, as the next attempt",
    () =>
      Effect.gen(function* () {
        const Emails = Queue.make("emails", { payload: Email, ackWait: "5 seconds" })
        const queue = yield* Emails.open
        yield* queue.offer(email("1"))
        // As after kill -9: the delivery is out, nobody settles it, nobody reports.
        const dead = yield* queue.subscriptions[0]?.reader() ?? Effect.die("no lane")
        yield* dead.take(1)
        const attempts: Array<number> = []
        yield* Worker.run(Emails, {
          handler: (job) => Effect.sync(() => attempts.push(job.attempt))
        }).pipe(Effect.forkChild)
        yield* pass(4_900)
        assert.deepStrictEqual(attempts, [])
        yield* pass(1_000)
        assert.deepStrictEqual(attempts, [2])
        assert.deepInclude(yield* queue.info, { pending: 0, inFlight: 0 })
      }).pipe(Effect.provide(memory))
  )

  it.effect("a worker that is stopped lets handlers end and gives the others back at once", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, ackWait: "1 hour" })
      const queue = yield* Emails.open
      const ended: Array<string> = []
      const interrupted: Array<string> = []
      const worker = yield* Worker.run(Emails, {
        concurrency: 2,
        drainWithin: "3 seconds",
        handler: (job) =>
          Effect.sleep(job.payload.id === "short" ? "2 seconds" : "1 hour").pipe(
            Effect.andThen(Effect.sync(() => ended.push(job.payload.id))),
            Effect.onInterrupt(() => Effect.sync(() => interrupted.push(job.payload.id)))
          )
      }).pipe(Effect.forkChild)
      yield* queue.offerAll([email("short"), email("long"), email("third")])
      yield* pass(500)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* pass(5_000)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(ended, ["short"])
      assert.deepStrictEqual(interrupted, ["long"])
      const again: Array<string> = []
      yield* Worker.run(Emails, {
        concurrency: 2,
        handler: (job) => Effect.sync(() => again.push(job.payload.id))
      }).pipe(Effect.forkChild)
      yield* pass(100)
      assert.deepStrictEqual(again.toSorted(), ["long", "third"])
    }).pipe(Effect.provide(memory))
  )

  it.effect(
    "under lost answers, busy checks and a broker that comes and goes every job is there once",
    () =>
      Effect.forEach(
        range(count({ quick: 20, long: 500 })).map((i) => firstSeed() + i - 1),
        (seed) =>
          Effect.gen(function* () {
            const Emails = Queue.make("emails", {
              payload: Email,
              idempotencyKey: (it) => it.id,
              maxAttempts: 3
            })
            const queue = yield* Emails.open
            const runs = new Map<string, number>()
            yield* Worker.run(Emails, {
              concurrency: 4,
              drainWithin: 0,
              retry: Schedule.spaced("100 millis"),
              handler: (job) =>
                Effect.gen(function* () {
                  runs.set(job.id, (runs.get(job.id) ?? 0) + 1)
                  yield* Effect.sleep(yield* Random.nextIntBetween(0, 50))
                  if (job.payload.n % 7 === 0) return yield* Effect.fail("poison")
                })
            }).pipe(Effect.forkChild)
            const ids = range(30)
            const offering = yield* Effect.forEach(
              [...ids, ...ids],
              (n) => queue.offer(email(`job-${n}`, "x", n)),
              { concurrency: 8 }
            ).pipe(Effect.forkChild)
            yield* pass(15_000)
            yield* Fiber.join(offering)
            // Unlucky seeds make one append fail ten times in a row, with growing delays.
            while ((yield* queue.info).inFlight > 0) yield* pass(1_000)
            const message = `seed ${seed}`
            const letters = yield* Stream.runCollect(queue.deadLetters)
            assert.deepStrictEqual(
              letters.map((letter) => letter.jobId).toSorted(),
              ["job-14", "job-21", "job-28", "job-7"],
              message
            )
            assert.strictEqual(runs.size, 30, message)
            for (const n of ids)
              assert.strictEqual(runs.get(`job-${n}`), n % 7 === 0 ? 3 : 1, `${message}, job ${n}`)
            assert.deepInclude(yield* queue.info, { pending: 0, inFlight: 0 }, message)
          }).pipe(
            Effect.provide(
              Layer.merge(
                layerMemoryWith({
                  faults: seededFaults({
                    seed,
                    busy: 0.1,
                    unavailable: 0.1,
                    unknown: 0.15,
                    delayMillisMax: 30
                  })
                }),
                ActorSystem.layer
              ),
              { local: true }
            ),
            Random.withSeed(seed),
            Effect.scoped
          ),
        { discard: true }
      ),
    patience(120_000)
  )
})
