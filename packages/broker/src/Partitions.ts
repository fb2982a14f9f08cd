/**
 * Shares the partitions of a work out over all processes that run it, each partition to one at a time.
 *
 * Every process writes itself down as a member with a lease of its own; from the list of members each one knows how many
 * partitions are its share. Who has too many gives some back, who has too few claims free ones. Nobody decides for others, so
 * nothing breaks when two see different lists for a moment: a partition is claimed or it is not.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { BrokerError } from "./BrokerError.ts"
import * as Lease from "./Lease.ts"
import type { Owned, Ownership } from "./Ownership.ts"
import { OwnershipLost } from "./OwnershipLost.ts"

/** What to run for each partition. */
export interface PartitionsOptions<E, R> {
  readonly ownership: Ownership
  /** How many there are: 0 … `partitions` − 1. The same in every process. */
  readonly partitions: number
  /**
   * Runs while the partition is owned; interrupted when it is lost, given back, or the whole is interrupted. Another failure
   * than `OwnershipLost` ends the whole.
   */
  readonly each: (owned: Owned) => Effect.Effect<never, E, R>
}

/** How many partitions the member at `rank` of `members` has: as equal as can be, together all of them. */
export const shareOf = (partitions: number, members: number, rank: number): number =>
  Math.floor(partitions / members) + (rank < partitions % members ? 1 : 0)

/** An append may learn of the loss first: that ends the partition, not the whole. */
const unlessLost = <E, R>(each: Effect.Effect<never, E, R>): Effect.Effect<OwnershipLost, E, R> =>
  Effect.catch(each, (error) => (error instanceof OwnershipLost ? Effect.succeed(error) : Effect.fail(error)))

/** Who takes part and what is held, as the leases say now. */
interface Standing {
  readonly members: ReadonlyArray<string>
  readonly held: ReadonlySet<number>
}

const lookAt = (ownership: Ownership): Effect.Effect<Standing, BrokerError> => {
  const { leases, prefix } = ownership
  return leases.watch(`${prefix}.>`).pipe(
    Stream.takeUntil((event) => event._tag === "Current"),
    Stream.runCollect,
    Effect.map((events) => {
      const members: Array<string> = []
      const held = new Set<number>()
      for (const event of events) {
        if (event._tag === "Current") continue
        const [kind, id = ""] = event.entry.key.split(".").slice(-2)
        if (kind === "lease") held.add(Number(id))
        // One that leaves is empty until it expires.
        else if (event.entry.value.length > 0) members.push(id)
      }
      return { members: members.sort(), held }
    })
  )
}

/**
 * Runs `each` for this process's share of the partitions until it is interrupted, `each` fails, or the broker fails for good.
 *
 * A process that joins or leaves is noticed at once; one that dies, when its leases run out.
 */
export const run = <E, R>(options: PartitionsOptions<E, R>): Effect.Effect<never, E | BrokerError, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { each, ownership, partitions } = options
      const { leaseMillis, leases, prefix } = ownership
      const broken = yield* Deferred.make<never, E | BrokerError>()
      const running = yield* FiberMap.make<number, void>()
      const looks = yield* Queue.sliding<void>(1)
      const look = Effect.asVoid(Queue.offer(looks, undefined))
      const id = yield* Effect.sync(() => crypto.randomUUID())

      const claim = (partition: number) =>
        Effect.catch(ownership.tryClaim(partition), (error) =>
          error.isTransient ? Effect.succeed(Option.none<Owned>()) : Effect.fail(error)
        )
      const work = (partition: number): Effect.Effect<void, never, R> =>
        Effect.scoped(
          Effect.flatMap(claim(partition), (claimed) =>
            Option.isNone(claimed)
              ? Effect.void
              : Effect.flatMap(
                  Effect.raceFirst(unlessLost(each(claimed.value)), Effect.flip(claimed.value.lost)),
                  (lost) => Effect.andThen(Effect.logInfo(lost.message), look)
                )
          )
        ).pipe(
          Effect.catchCause((cause) =>
            Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.asVoid(Deferred.failCause(broken, cause))
          )
        )

      const shareOut = Effect.gen(function* () {
        const { held, members } = yield* lookAt(ownership)
        const rank = members.indexOf(id)
        // Not written down (yet, or any more): nothing is this one's.
        const share = rank < 0 ? 0 : shareOf(partitions, members.length, rank)
        const own = Array.from(running, ([partition]) => partition)
        const surplus = own.slice(share)
        yield* Effect.forEach(surplus, (partition) => FiberMap.remove(running, partition), {
          concurrency: "unbounded",
          discard: true
        })
        // Each begins elsewhere, so that two which join at once do not try the same ones.
        const first = members.length === 0 ? 0 : Math.floor((partitions * Math.max(0, rank)) / members.length)
        let missing = share - own.length
        for (let i = 0; i < partitions && missing > 0; i++) {
          const partition = (first + i) % partitions
          if (held.has(partition) || own.includes(partition)) continue
          missing--
          yield* FiberMap.run(running, partition, work(partition))
        }
      })

      /** Written down for as long as this runs; again, when a long pause let it expire. */
      const belong = Effect.scoped(
        Effect.gen(function* () {
          const lease = { value: id, ttlMillis: leaseMillis, isPassing: true }
          const member = yield* Lease.take(leases, `${prefix}.member.${id}`, lease)
          if (Option.isSome(member)) yield* member.value.keep
        })
      ).pipe(Effect.andThen(Effect.sleep("1 second")), Effect.forever)

      const listen = leases.watch(`${prefix}.>`).pipe(
        Stream.runForEachArray(() => look),
        Effect.retry({
          while: (error: BrokerError) => error.isTransient,
          schedule: Schedule.spaced("1 second").pipe(Schedule.jittered)
        })
      )
      // Expiry tells nobody, so it is looked for.
      const tend = Effect.andThen(
        Effect.raceFirst(Queue.take(looks), Effect.sleep(leaseMillis / 3)),
        shareOut
      ).pipe(
        Effect.catch((error) => (error.isTransient ? Effect.sleep("100 millis") : Effect.fail(error))),
        Effect.forever
      )

      return yield* Effect.raceAllFirst([
        Deferred.await(broken),
        belong,
        Effect.andThen(listen, Effect.never),
        tend
      ])
    })
  )
