import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@troupe/broker"
import { Queue, Worker } from "@troupe/queue"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Email, email, memory, pass } from "./Fixture.ts"

describe("offers", () => {
  it.effect("with one idempotency key are one job, which runs once", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, idempotencyKey: (it) => it.id })
      const queue = yield* Emails.open
      const ran: Array<string> = []
      yield* Worker.run(Emails, { handler: (job) => Effect.sync(() => ran.push(job.id)) }).pipe(
        Effect.forkChild
      )
      const first = yield* queue.offer(email("m-1"))
      assert.deepStrictEqual(first, { jobId: "m-1", sequence: 1, duplicate: false })
      yield* pass(60_000)
      const second = yield* queue.offer(email("m-1", "b@example.org"))
      assert.deepStrictEqual(second, { jobId: "m-1", sequence: 1, duplicate: true })
      yield* pass(1_000)
      assert.deepStrictEqual(ran, ["m-1"])
    }).pipe(Effect.provide(memory))
  )

  it.effect("without a key are jobs of their own, each with an id that its retries keep", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email })
      const queue = yield* Emails.open
      const ids: Array<string> = []
      yield* Worker.run(Emails, {
        retry: Schedule.spaced("1 second"),
        handler: (job) => {
          ids.push(job.id)
          return job.attempt === 1 ? Effect.fail("not yet") : Effect.void
        }
      }).pipe(Effect.forkChild)
      const [one, two] = yield* queue.offerAll([email("same"), email("same")])
      assert.notStrictEqual(one?.jobId, two?.jobId)
      yield* pass(5_000)
      assert.deepStrictEqual(ids.toSorted(), [one?.jobId, one?.jobId, two?.jobId, two?.jobId].toSorted())
    }).pipe(Effect.provide(memory))
  )

  it.effect("of a payload that does not fit its schema store nothing", () =>
    Effect.gen(function* () {
      const Positive = Schema.Struct({ n: Schema.Int.check(Schema.isGreaterThan(0)) })
      const Numbers = Queue.make("numbers", { payload: Positive })
      const queue = yield* Numbers.open
      const error = yield* Effect.flip(queue.offer({ n: -1 }))
      assert.strictEqual(error._tag, "SchemaError")
      assert.strictEqual((yield* queue.topic.info).records, 0)
    }).pipe(Effect.provide(memory))
  )

  it.effect("over the queue's limits are refused, and nothing that was taken is dropped", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email, limits: { maxRecords: 2 } })
      const queue = yield* Emails.open
      yield* queue.offerAll([email("1"), email("2")])
      const error = yield* Effect.flip(queue.offer(email("3")))
      assert.strictEqual(error._tag === "BrokerError" ? error.reason._tag : error._tag, "Rejected")
      assert.strictEqual((yield* queue.info).pending, 2)
    }).pipe(Effect.provide(memory))
  )
})

describe("a queue", () => {
  it.effect(
    "keeps settled jobs for the de-duplication window and trims them then, up to the first open one",
    () =>
      Effect.gen(function* () {
        const Emails = Queue.make("emails", {
          payload: Email,
          idempotencyKey: (it) => it.id,
          dedupeWindow: "1 minute",
          maxAttempts: 100
        })
        const queue = yield* Emails.open
        yield* Worker.run(Emails, {
          retry: Schedule.spaced("10 seconds"),
          handler: (job) =>
            job.payload.id === "stuck" && job.attempt < 20 ? Effect.fail("not yet") : Effect.void,
          upkeepEvery: "10 seconds"
        }).pipe(Effect.forkChild)
        yield* queue.offerAll([email("1"), email("2"), email("stuck"), email("4")])
        const stored = Effect.map(Stream.runCollect(queue.topic.read({ from: "first" })), (all) =>
          all.map((record) => record.sequence)
        )
        yield* pass(45_000)
        assert.deepStrictEqual(yield* stored, [1, 2, 3, 4])
        assert.isTrue((yield* queue.offer(email("1"))).duplicate)
        yield* pass(60_000)
        assert.deepStrictEqual(yield* stored, [3, 4])
        yield* pass(300_000)
        assert.deepStrictEqual(yield* stored, [])
        assert.deepInclude(yield* queue.info, { pending: 0, inFlight: 0, dead: 0 })
      }).pipe(Effect.provide(memory))
  )

  it.effect("with lanes trims each lane for itself", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", {
        payload: Email,
        orderingKey: (it) => it.to,
        lanes: 4,
        dedupeWindow: "1 minute"
      })
      const queue = yield* Emails.open
      yield* Worker.run(Emails, { handler: () => Effect.void, upkeepEvery: "10 seconds" }).pipe(
        Effect.forkChild
      )
      yield* queue.offerAll(["a", "b", "c", "d", "a", "b"].map((to, i) => email(`${i}`, to)))
      yield* pass(120_000)
      assert.strictEqual((yield* queue.topic.info).records, 0)
    }).pipe(Effect.provide(memory))
  )

  it.effect("shows in the inspection stream which slot handles which job, and what crashed", () =>
    Effect.gen(function* () {
      const system = yield* ActorSystem
      const seen: Array<string> = []
      yield* system.inspection.pipe(
        Stream.runForEach((event) =>
          Effect.sync(() => seen.push(`${event._tag} ${event.actor} ${event.id}`))
        ),
        Effect.forkChild
      )
      yield* pass(1)
      const Emails = Queue.make("emails", { payload: Email, maxAttempts: 1 })
      const queue = yield* Emails.open
      yield* Worker.run(Emails, {
        name: "mailer",
        handler: (job) => (job.payload.id === "bad" ? Effect.die("bug") : Effect.void)
      }).pipe(Effect.forkChild)
      yield* queue.offer(email("good"))
      yield* pass(100)
      yield* queue.offer(email("bad"))
      yield* pass(100)
      assert.deepStrictEqual(seen, [
        "Spawned queue/emails mailer/1",
        "Received queue/emails mailer/1",
        "Completed queue/emails mailer/1",
        "Received queue/emails mailer/1",
        "Failed queue/emails mailer/1",
        "DeadLettered queue/emails mailer/1",
        "Restarted queue/emails mailer/1"
      ])
    }).pipe(Effect.provide(memory))
  )

  it.effect("works from a layer for as long as that lives", () =>
    Effect.gen(function* () {
      const Emails = Queue.make("emails", { payload: Email })
      const queue = yield* Emails.open
      const done: Array<string> = []
      yield* queue
        .offer(email("1"))
        .pipe(
          Effect.andThen(pass(100)),
          Effect.provide(
            Worker.layer(Emails, { handler: (job) => Effect.sync(() => done.push(job.payload.id)) })
          )
        )
      assert.deepStrictEqual(done, ["1"])
      yield* queue.offer(email("2"))
      yield* pass(1_000)
      assert.deepStrictEqual(done, ["1"])
      assert.deepInclude(yield* queue.info, { pending: 1, inFlight: 0 })
      assert.include(yield* (yield* Broker).topics, "emails_dead")
    }).pipe(Effect.provide(memory))
  )
})
