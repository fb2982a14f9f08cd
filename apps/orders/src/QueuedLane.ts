import { Broker, type BrokerError } from "@troupe/broker"
import { type Queue, Worker } from "@troupe/queue"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import {
  Charged,
  Order,
  Place,
  type Progress,
  progressAfter,
  Record,
  Rejected,
  Reserved,
  Shipped
} from "./Order.ts"
import * as OrderTopic from "./OrderTopic.ts"
import type { Placement } from "./Placement.ts"
import { type Job, type NotPossible, Services, type Trouble } from "./Services.ts"
import * as WorkQueues from "./WorkQueues.ts"

type StepJob = WorkQueues.StepJob
type Step = Record["step"]

const again = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("500 millis")])

const toServices = ({ orderId, reference, placement }: StepJob): Job => ({
  lane: "queued",
  reference,
  key: orderId,
  placement
})

/** Records a step in the order's history, which takes each step once and answers how far the order is. */
const record = Effect.fnUntraced(function* (orderId: string, step: Step) {
  const order = yield* Order.ref(orderId)
  return yield* order.ask(new Record({ step }))
})

/**
 * A worker for one step.
 *
 * Everything it does may run again after a crash: services do a thing once by its key, the history takes a step once, and a job offered
 * twice is one job, or finds its work done. When a service says that the order is impossible, what the steps before took is given
 * back first, then the order is rejected.
 */
const worker = (
  queue: Queue.Queue<StepJob>,
  concurrency: number,
  work: (job: Job) => Effect.Effect<Step, Trouble | NotPossible>,
  undo: (job: Job) => Effect.Effect<void, Trouble>
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { offerNext } = yield* WorkQueues.open
      const handle = Effect.fnUntraced(function* (step: StepJob) {
        const job = toServices(step)
        const done = yield* work(job).pipe(
          Effect.catchTag("NotPossible", ({ reason }) => Effect.as(undo(job), new Rejected({ reason })))
        )
        yield* offerNext(step, yield* record(step.orderId, done))
      })
      return Worker.layer(queue, { concurrency, retry: again, handler: ({ payload }) => handle(payload) })
    })
  )

/** The workers of all steps. */
export const workers = Layer.unwrap(
  Effect.gen(function* () {
    const services = yield* Services
    const { definition } = WorkQueues
    const ship = (job: Job) => Effect.map(services.ship(job), (parcel) => new Shipped(parcel))
    const giveBack = (job: Job) => Effect.andThen(services.release(job), services.refund(job))
    return Layer.mergeAll(
      worker(
        definition.payment,
        16,
        (job) => Effect.as(services.charge(job), new Charged()),
        () => Effect.void
      ),
      worker(
        definition.warehouse,
        8,
        (job) => Effect.as(services.reserve(job), new Reserved()),
        services.refund
      ),
      worker(definition.USPS, 8, ship, giveBack),
      worker(definition.FedEx, 8, ship, giveBack)
    )
  })
)

/** Records the order and puts its first step in the queue. The same reference is the same order, however often it is sent. */
export const makePlace = Effect.map(WorkQueues.open, ({ offerNext }) =>
  Effect.fn("QueuedLane.place")(function* (reference: string, placement: Placement) {
    const orderId = OrderTopic.orderId("queued", reference)
    const order = yield* Order.ref(orderId)
    const progress = yield* order.ask(new Place({ orderId, lane: "queued", reference, placement }))
    yield* offerNext({ orderId, reference, placement }, progress)
    return { orderId, status: "accepted" as const }
  })
)

/**
 * Offers the next step of every order that is open: what a crash between "recorded" and "in the queue" left lying.
 * An order whose job is there already gets no second one, or one that finds the work done.
 */
export const resume = Effect.fn("QueuedLane.resume")(function* (): Effect.fn.Return<
  number,
  BrokerError,
  Broker
> {
  const broker = yield* Broker
  const { offerNext } = yield* WorkQueues.open
  const topic = yield* broker.topic({ name: OrderTopic.name })
  const open = new Map<string, { readonly job: StepJob; progress: Progress }>()
  yield* topic.read({ from: "first" }).pipe(
    Stream.runForEach((stored) =>
      Effect.sync(() => {
        const order = OrderTopic.read(stored)
        if (order === undefined || order.lane !== "queued") return
        const { orderId, reference } = order
        for (const event of order.events) {
          const progress = progressAfter(event)
          const known = open.get(orderId)
          if (event._tag === "Placed")
            open.set(orderId, { job: { orderId, reference, placement: event.placement }, progress })
          else if (progress === "shipped" || progress === "rejected") open.delete(orderId)
          else if (known !== undefined) known.progress = progress
        }
      })
    )
  )
  yield* Effect.forEach(open.values(), ({ job, progress }) => offerNext(job, progress), {
    discard: true,
    concurrency: 64
  })
  return open.size
})
