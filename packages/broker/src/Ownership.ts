/**
 * One owner at a time for each partition of some work on a topic: a lease says who should, a fence in the topic who can.
 *
 * The lease is a key with a time to live, renewed by compare-and-set. The fence is a claim record in the topic itself, whose
 * sequence is the epoch: every owned append expects it to be the last claim. So after a new claim every append of the old
 * owner is rejected, whatever clocks and pauses do. Source: M. Kleppmann, "How to do distributed locking" (fencing tokens).
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Broker } from "./Broker.ts"
import { BrokerError, Rejected } from "./BrokerError.ts"
import * as KeyValue from "./KeyValue.ts"
import * as Lease from "./Lease.ts"
import * as OwnedAppender from "./OwnedAppender.ts"
import { OwnershipLost } from "./OwnershipLost.ts"
import * as Subject from "./Subject.ts"
import type { Topic } from "./Topic.ts"

export type { OwnedRecord } from "./OwnedAppender.ts"

/** What is owned, and for how long a silent owner keeps it. */
export interface OwnershipSpec {
  /** Claims lie in it, on the subjects `claim.<name>.<partition>`, one record each: leave those alone. */
  readonly topic: Topic
  /** Names the work; who claims under the same name shares the partitions. Any characters. */
  readonly name: string
  /** How long an owner that is silent keeps its partitions; at least and by default 15 seconds. */
  readonly lease?: Duration.Input
}

/** A partition that is owned, until its scope closes or `lost` comes. */
export interface Owned {
  readonly partition: number
  /** The sequence of the claim in the topic: grows with every claim of this partition. */
  readonly epoch: number
  /**
   * Appends records, all or none, if this owner's claim is still the last one; answers their sequences in order. Records
   * may have `expectLast`; `expectLast` of the options is that of the first one.
   *
   * `OwnershipLost`: nothing was stored, stop. Other failures are `Topic.appendAll`'s, or of a single record `Topic.append`'s: a
   * repeated `messageId` of a single record answers the first sequence. `Busy` is waited out. One group a partition is in flight;
   * calls that come meanwhile share the next.
   */
  readonly append: (
    records: ReadonlyArray<OwnedAppender.OwnedRecord>,
    options?: { readonly expectLast?: number }
  ) => Effect.Effect<ReadonlyArray<number>, BrokerError | OwnershipLost>
  /** Fails when it is no longer owned; waits while it is. */
  readonly lost: Effect.Effect<never, OwnershipLost>
}

/** Claims partitions of one work on one topic. */
export interface Ownership {
  readonly topic: Topic
  readonly name: string
  readonly leaseMillis: number
  /** Where the leases lie. */
  readonly leases: KeyValue.KeyValue
  /** What its keys there begin with: `<prefix>.lease.<partition>`, and `<prefix>.member.<id>` of who shares them out. */
  readonly prefix: string
  /** Waits until nobody holds the partition and claims it for the scope, which gives it back at once when it closes. */
  readonly claim: (partition: number) => Effect.Effect<Owned, BrokerError, Scope.Scope>
  /** Claims the partition for the scope if nobody holds it. */
  readonly tryClaim: (partition: number) => Effect.Effect<Option.Option<Owned>, BrokerError, Scope.Scope>
}

const leaseMillisMin = 15_000
/** How often a claim that waits looks at a lease that nobody gives back: expiry tells nobody. */
const lookEvery = Duration.seconds(1)
const claimHeader = "claim"

/** Opens the ownership of a work; its leases lie in the store `ownership`, for all topics of the broker. */
export const make = Effect.fn("Ownership.make")(function* (
  spec: OwnershipSpec
): Effect.fn.Return<Ownership, BrokerError, Broker> {
  const { name, topic } = spec
  const leaseMillis = Duration.toMillis(spec.lease ?? leaseMillisMin)
  const operation = `own partitions of ${name} in ${topic.name}`
  const rejected = (detail: string) =>
    new BrokerError({ reason: new Rejected({ cause: "argument" }), operation, detail })
  if (!(leaseMillis >= leaseMillisMin && Number.isFinite(leaseMillis))) {
    return yield* rejected(
      `A lease of ${leaseMillis} ms is too short: give at least ${leaseMillisMin} ms, so that a short pause moves nothing.`
    )
  }
  if (name === "") return yield* rejected("The name is empty: name the work.")
  const leases = yield* KeyValue.open({ name: "ownership" })
  const prefix = `${topic.name}.${Subject.encodeToken(name)}`

  const tryClaim = Effect.fn("Ownership.tryClaim")(function* (partition: number) {
    if (!Number.isSafeInteger(partition) || partition < 0) {
      return yield* rejected(`A partition is a whole number of at least 0, not ${partition}.`)
    }
    const scope = yield* Effect.scope
    const subject = `claim.${Subject.encodeToken(name)}.${partition}`
    // Not from `Random`: two processes with one seed would take each other's claim for their own.
    const id = yield* Effect.sync(() => crypto.randomUUID())
    // Looked at before the lease is taken: who lost the lease on its way to the claim finds another last claim there.
    const before = yield* topic.last(subject)
    const lease = { value: id, ttlMillis: leaseMillis }
    const own = yield* Lease.take(leases, `${prefix}.lease.${partition}`, lease)
    if (Option.isNone(own)) return Option.none<Owned>()
    const claim = { data: new Uint8Array(0), headers: { [claimHeader]: id } }
    const claimed = yield* Lease.persistently(
      topic.append({
        ...claim,
        subject,
        messageId: id,
        rollup: true,
        expectLast: Option.isSome(before) ? before.value.sequence : 0
      })
    ).pipe(
      Effect.map(Option.some),
      Effect.catchReason("BrokerError", "Conflict", () => Effect.succeedNone)
    )
    if (Option.isNone(claimed)) return Option.none<Owned>()
    const epoch = claimed.value.sequence

    const end = yield* Deferred.make<never, OwnershipLost>()
    let over: OwnershipLost | undefined
    const lose = (by: OwnershipLost["by"]) =>
      Effect.suspend(() => {
        over ??= new OwnershipLost({ topic: topic.name, name, partition, epoch, by })
        return Effect.as(Deferred.fail(end, over), over)
      })
    const appender = yield* OwnedAppender.make<OwnershipLost>({
      topic,
      subject,
      claim,
      isOwn: (headers) => headers?.[claimHeader] === id,
      epoch,
      fenced: lose("claimed"),
      over: () => over
    })
    yield* Scope.addFinalizer(scope, lose("released"))
    yield* Effect.forkIn(
      // A broker that fails for good renews nothing: the lease is as good as lost.
      Effect.andThen(Effect.exit(own.value.keep), lose("lease")),
      scope
    )
    return Option.some<Owned>({
      partition,
      epoch,
      lost: Deferred.await(end),
      append: ([first, ...rest], options) =>
        first === undefined
          ? Effect.succeed([])
          : appender.append([
              options?.expectLast === undefined ? first : { ...first, expectLast: options.expectLast },
              ...rest
            ])
    })
  })

  /** Until the lease may be free: it was given back, or it is time to look. */
  const untilFree = (partition: number) =>
    Effect.raceFirst(
      Effect.sleep(lookEvery),
      leases.watch(`${prefix}.lease.${partition}`).pipe(
        Stream.filter((event) => event._tag === "Entry" && event.entry.operation !== "put"),
        Stream.runHead,
        // What is wrong with the broker, the next try tells.
        Effect.catch(() => Effect.never)
      )
    )

  const claim = Effect.fnUntraced(function* (partition: number) {
    const scope = yield* Effect.scope
    for (;;) {
      const own = yield* Scope.fork(scope)
      const claimed = yield* Effect.onExit(Scope.provide(tryClaim(partition), own), (exit) =>
        Exit.isSuccess(exit) && Option.isSome(exit.value) ? Effect.void : Scope.close(own, Exit.void)
      )
      if (Option.isSome(claimed)) return claimed.value
      yield* untilFree(partition)
    }
  })

  return { topic, name, leaseMillis, leases, prefix, claim, tryClaim }
})
