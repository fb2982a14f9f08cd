import { type Broker, type BrokerError, Subject, type TypedTopic } from "@troupe/broker"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { Faults, type NoAnswer, type ServiceDown } from "./Faults.ts"
import * as Ledger from "./Ledger.ts"
import { type Carrier, carrierOf, type Placement, totalCents } from "./Placement.ts"
import { declinedCard, discontinuedSku, undeliverableZip } from "./Shoppers.ts"

/** Why an order cannot be fulfilled, however often it is tried. */
export const RejectionReason = Schema.Literals([
  "card declined",
  "item discontinued",
  "address undeliverable"
])
export type RejectionReason = typeof RejectionReason.Type

/** A service looked at the order and said no, for good. */
export class NotPossible extends Schema.TaggedError<NotPossible>()("NotPossible", {
  reason: RejectionReason
}) {
  override get message() {
    return `The order cannot be fulfilled: ${this.reason}.`
  }
}

/** Which of the two lanes an order takes. */
export type Lane = "sync" | "queued"

/** What a service needs to know about an order. */
export interface Job {
  readonly lane: Lane
  readonly reference: string
  /** The same key twice is the same work: it is done once. */
  readonly key: string
  readonly placement: Placement
}

/** What may be mended by trying again. */
export type Trouble = ServiceDown | NoAnswer | BrokerError

/** The three services behind the shop, each with a book of its own. */
export class Services extends Context.Service<
  Services,
  {
    readonly charge: (job: Job) => Effect.Effect<void, Trouble | NotPossible>
    readonly refund: (job: Job) => Effect.Effect<void, Trouble>
    readonly reserve: (job: Job) => Effect.Effect<void, Trouble | NotPossible>
    readonly release: (job: Job) => Effect.Effect<void, Trouble>
    /** Hands the parcel to its carrier and answers the tracking number. */
    readonly ship: (
      job: Job
    ) => Effect.Effect<{ readonly carrier: Carrier; readonly tracking: string }, Trouble | NotPossible>
    /** Every line of the payment service's own book. */
    readonly paymentLedger: Stream.Stream<Ledger.Entry, BrokerError | TypedTopic.UndecodableRecord>
  }
>()("@troupe/orders/Services") {
  static readonly layer: Layer.Layer<Services, BrokerError, Faults | Broker> = Layer.effect(
    Services,
    Effect.gen(function* () {
      const faults = yield* Faults
      const payments = yield* Ledger.open("payment-ledger")
      const stock = yield* Ledger.open("warehouse-ledger")
      const parcels = yield* Ledger.open("carrier-ledger")

      const keyOf = (kind: string, job: Job) => [job.lane, kind, Subject.encodeToken(job.key)]
      const entry = (kind: Ledger.Entry["kind"], job: Job, amountCents: number): Ledger.Entry => ({
        lane: job.lane,
        reference: job.reference,
        kind,
        amountCents
      })
      /** The service's own verdict first: `impossible` is why it says no, for good. */
      const unless = <A>(
        impossible: boolean,
        reason: RejectionReason,
        work: Effect.Effect<A, BrokerError>
      ): Effect.Effect<A, BrokerError | NotPossible> =>
        impossible ? Effect.fail(new NotPossible({ reason })) : work

      return Services.of({
        charge: (job) =>
          faults.call(
            "payment",
            job.reference,
            unless(
              job.placement.cardToken === declinedCard,
              "card declined",
              payments.enterOnce(keyOf("charge", job), entry("charge", job, totalCents(job.placement)))
            )
          ),
        refund: (job) =>
          faults.call(
            "payment",
            job.reference,
            payments.enterOnce(keyOf("refund", job), entry("refund", job, totalCents(job.placement)))
          ),
        reserve: (job) =>
          faults.call(
            "warehouse",
            job.reference,
            unless(
              job.placement.lines.some((line) => line.sku === discontinuedSku),
              "item discontinued",
              stock.enterOnce(keyOf("reserve", job), entry("reserve", job, 0))
            )
          ),
        release: (job) =>
          faults.call(
            "warehouse",
            job.reference,
            stock.enterOnce(keyOf("release", job), entry("release", job, 0))
          ),
        ship: (job) => {
          const carrier = carrierOf(job.placement)
          const tracking = `${carrier === "USPS" ? "9400" : "7946"}-${Subject.fnv1a32(job.key).toString(36).toUpperCase()}`
          return faults.call(
            carrier,
            job.reference,
            unless(
              job.placement.zip === undeliverableZip,
              "address undeliverable",
              Effect.as(parcels.enterOnce(keyOf("ship", job), entry("ship", job, 0)), { carrier, tracking })
            )
          )
        },
        paymentLedger: payments.entries
      })
    })
  )
}
