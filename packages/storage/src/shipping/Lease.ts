import type { BrokerError, KeyValue } from "@troupe/broker"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Fenced, LeaseHeld, ShippingError } from "./ShippingError.ts"

/** Who wants to be primary, and for how long at a time. */
export interface LeaseOptions {
  /** A store that all nodes share. */
  readonly store: KeyValue.KeyValue
  /** The log that the lease is for. */
  readonly log: string
  /** This node. */
  readonly holder: string
  /** After this long without renewal another node may take it; default 5 seconds, at least 1. */
  readonly ttl?: Duration.Input
}

/** A lease that is held. */
export interface Lease {
  /** Larger than that of every holder before: begin it with `Primary.make({ epoch })`. */
  readonly epoch: number
  /** Answers when the lease could not be renewed in time: stop being primary (`primary.depose(epoch + 1)`). */
  readonly lost: Effect.Effect<ShippingError>
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

/**
 * Takes the lease of a log and renews it until the scope closes: the arbiter that says who may promote.
 *
 * The lease decides who should write; epochs decide who can. A holder that is paused past its lease is refused by every
 * replica that knows the next epoch. Fails with `LeaseHeld` while another node holds it.
 */
export const take = Effect.fn("Lease.take")(function* (
  options: LeaseOptions
): Effect.fn.Return<Lease, ShippingError | BrokerError, Scope.Scope> {
  const { holder, log, store } = options
  const ttl = Duration.toMillis(options.ttl ?? "5 seconds")
  const leaseKey = `${log}.lease`
  const epochKey = `${log}.epoch`
  const value = utf8.encode(holder)
  const heldBy = (by: string) =>
    new ShippingError({ operation: `take the lease of ${log}`, reason: new LeaseHeld({ by }) })

  let revision = yield* Effect.catchReason(
    store.create(leaseKey, value, { ttl }),
    "BrokerError",
    "Conflict",
    () =>
      Effect.flatMap(store.get(leaseKey), (entry) =>
        Effect.fail(heldBy(Option.isSome(entry) ? text.decode(entry.value.value) : "another node"))
      )
  )
  yield* Effect.addFinalizer(() => Effect.ignore(store.delete(leaseKey, { revision })))
  // Counted apart from the lease, which ends: an epoch is never given twice.
  const last = yield* store.get(epochKey)
  const epoch = Option.isSome(last) ? Number(text.decode(last.value.value)) + 1 : 1
  const next = utf8.encode(String(epoch))
  yield* Effect.catchReason(
    Option.isSome(last) ? store.update(epochKey, next, last.value.revision) : store.create(epochKey, next),
    "BrokerError",
    "Conflict",
    () => Effect.fail(heldBy("another node"))
  )
  const renew = Effect.suspend(() => store.update(leaseKey, value, revision, { ttl })).pipe(
    Effect.tap((renewed) =>
      Effect.sync(() => {
        revision = renewed
      })
    ),
    // One try that the broker cannot answer is not the end: there is time for another before the lease ends.
    Effect.retry({ times: 1, while: (error) => error.isTransient }),
    Effect.delay(ttl / 3)
  )
  const keeping = yield* Effect.forkScoped(Effect.exit(Effect.forever(renew)))
  return {
    epoch,
    lost: Effect.map(Fiber.join(keeping), () => {
      const reason = new Fenced({ epoch, newer: epoch + 1 })
      return new ShippingError({ operation: `keep the lease of ${log}`, reason })
    })
  }
})
