import { Queue } from "@troupe/queue"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Progress } from "./Order.ts"
import { carrierOf, Placement } from "./Placement.ts"

/** One step of one order, as a worker gets it. */
export const StepJob = Schema.Struct({
  orderId: Schema.String,
  reference: Schema.String,
  placement: Placement
})
export type StepJob = typeof StepJob.Type

/** A service that is down for hours is no reason to give an order up: at two tries a second these last for an hour. */
const maxAttempts = 8_000
/** More orders in one queue than this are not taken; the caller is told to come back. */
const jobsMax = 100_000

const queue = (name: string) =>
  Queue.make(`work-${name}`, {
    payload: StepJob,
    idempotencyKey: ({ orderId }) => orderId,
    maxAttempts,
    limits: { maxRecords: jobsMax }
  })

const definitions = {
  payment: queue("payment"),
  warehouse: queue("warehouse"),
  USPS: queue("usps"),
  FedEx: queue("fedex")
}

/** A queue a service, so that one can be slow or dead without the others noticing. */
export const definition = definitions

/** Opens all of them, and answers how to offer an order's next step by how far it is. */
export const open = Effect.gen(function* () {
  const queues = yield* Effect.all({
    payment: definitions.payment.open,
    warehouse: definitions.warehouse.open,
    USPS: definitions.USPS.open,
    FedEx: definitions.FedEx.open
  })
  const offerNext = (job: StepJob, progress: Progress) => {
    const next =
      progress === "placed"
        ? queues.payment
        : progress === "charged"
          ? queues.warehouse
          : progress === "reserved"
            ? queues[carrierOf(job.placement)]
            : undefined
    // A job is built by this program: one that does not fit its own schema is a bug.
    return next === undefined
      ? Effect.void
      : next.offer(job).pipe(Effect.asVoid, Effect.catchTag("SchemaError", Effect.die))
  }
  return { offerNext }
})
