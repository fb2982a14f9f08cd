// A queue is a topic with workers. A job that fails is tried again by a schedule; one that nothing can help is put
// aside as a dead letter, from where it can be sent once more.
import { layerMemory } from "@troupe/broker"
import { Permanent, Queue, Worker } from "@troupe/queue"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class BankAway extends Schema.TaggedError<BankAway>()("BankAway", {}) {}

const Payment = Schema.Struct({ order: Schema.String, cents: Schema.Int })
const Payments = Queue.make("payments", {
  payload: Payment,
  idempotencyKey: (payment) => payment.order
})

const program = Effect.gen(function* () {
  const paid = yield* Ref.make(0)
  const worker = Worker.run(Payments, {
    concurrency: 2,
    retry: Schedule.exponential("10 millis"),
    handler: ({ attempt, payload }) =>
      Effect.gen(function* () {
        if (payload.cents < 0) return yield* new Permanent({ reason: "a negative amount" })
        if (attempt === 1) return yield* new BankAway()
        yield* Ref.update(paid, (cents) => cents + payload.cents)
        yield* Console.log(`${payload.order}: paid on attempt ${attempt}`)
      })
  })

  const payments = yield* Payments.open
  yield* payments.offer({ order: "order-1", cents: 1_000 })
  yield* payments.offer({ order: "order-2", cents: -5 })
  const twice = yield* payments.offer({ order: "order-1", cents: 1_000 })
  yield* Console.log("offered twice, one job:", twice.duplicate)

  yield* Effect.forkScoped(worker)
  yield* payments.followDeadLetters.pipe(
    Stream.take(1),
    Stream.runForEach((letter) => Console.log(`${letter.jobId}: dead letter, ${letter.cause}`))
  )

  // Everything is settled when nothing waits and nothing is in flight.
  yield* payments.info.pipe(
    Effect.repeat({
      until: ({ pending, inFlight }) => pending + inFlight === 0,
      schedule: Schedule.spaced("10 millis")
    })
  )
  yield* Console.log("cents paid:", yield* Ref.get(paid))
})

await Effect.runPromise(
  program.pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(layerMemory, ActorSystem.layer, Logger.layer([])))
  )
)
