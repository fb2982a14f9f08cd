import type { AskError } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import { Refused } from "./Api.ts"
import { Charged, Complete, Order, Rejected, Reserved, Shipped } from "./Order.ts"
import * as OrderTopic from "./OrderTopic.ts"
import type { Placement } from "./Placement.ts"
import { type Job, Services } from "./Services.ts"

type Step = Complete["steps"][number]

/** The caller's answer when a service that it waits for fails: nobody will go on with this order. */
const refuse = (error: { readonly _tag: string; readonly message: string; readonly service?: string }) =>
  new Refused({
    service: error.service ?? "shop",
    uncertain: error._tag !== "ServiceDown",
    detail: error.message
  })

/** Gives back what was taken, as well as it goes: nobody tries again when the service is down. */
const undo = (...steps: ReadonlyArray<Effect.Effect<void, unknown>>) =>
  Effect.forEach(steps, (step) => Effect.ignore(step), { discard: true })

/**
 * Payment, warehouse and delivery one after the other while the caller waits, as a shop without queues does it.
 *
 * Every call is an order of its own, so a caller who tries again after a lost answer may pay twice; when a service is down the order is
 * refused. What was done is given back once, and stored in the end as one record.
 */
export const place = Effect.fn("SyncLane.place")(function* (reference: string, placement: Placement) {
  const services = yield* Services
  const orderId = OrderTopic.orderId("sync", reference, crypto.randomUUID())
  const job: Job = { lane: "sync", reference, key: orderId, placement }
  const order = yield* Order.ref(orderId)

  const store = (steps: ReadonlyArray<Step>) =>
    order
      .ask(new Complete({ orderId, lane: "sync", reference, placement, steps }))
      .pipe(Effect.mapError((error: AskError) => refuse(error)))
  const reject = Effect.fnUntraced(function* (reason: Rejected["reason"], before: ReadonlyArray<Step>) {
    yield* store([...before, new Rejected({ reason })])
    return { orderId, status: "rejected" as const, reason }
  })

  const work = Effect.gen(function* () {
    const charged = yield* Effect.result(services.charge(job))
    if (charged._tag === "Failure") {
      if (charged.failure._tag === "NotPossible") return yield* reject(charged.failure.reason, [])
      return yield* refuse(charged.failure)
    }
    const reserved = yield* Effect.result(services.reserve(job))
    if (reserved._tag === "Failure") {
      yield* undo(services.refund(job))
      if (reserved.failure._tag === "NotPossible")
        return yield* reject(reserved.failure.reason, [new Charged()])
      return yield* refuse(reserved.failure)
    }
    const shipped = yield* Effect.result(services.ship(job))
    if (shipped._tag === "Failure") {
      yield* undo(services.release(job), services.refund(job))
      if (shipped.failure._tag === "NotPossible") {
        return yield* reject(shipped.failure.reason, [new Charged(), new Reserved()])
      }
      return yield* refuse(shipped.failure)
    }
    yield* store([new Charged(), new Reserved(), new Shipped(shipped.success)])
    return { orderId, status: "shipped" as const, ...shipped.success }
  })
  return yield* work
})
