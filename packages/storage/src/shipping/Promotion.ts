import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Log } from "../log/Log.ts"
import type { LogError } from "../log/LogError.ts"
import { comparePlaces } from "../log/LogPoint.ts"
import type { FencedReplica, PromoteOptions, Replica } from "./Replica.ts"
import { ShippingError, TooFew } from "./ShippingError.ts"

/** Whom to ask before a promotion. */
export interface PromotionOptions extends PromoteOptions {
  /** The replicas that can be reached. */
  readonly candidates: ReadonlyArray<Replica>
  /** Replicas the log has in all. */
  readonly replicas: number
  /** The `n` of `Ack.durable(n)` that the old primary answered with. */
  readonly durable: number
}

/** What was promoted. */
export interface Promoted {
  readonly name: string
  readonly epoch: number
  /** The log, open to write in the new epoch: give it to `Primary.make`. */
  readonly log: Log
}

/** The replica with the most: the later epoch, then the later place (as Raft compares logs). */
export const mostAdvanced = (fenced: ReadonlyArray<FencedReplica>): FencedReplica | undefined =>
  fenced.reduce<FencedReplica | undefined>((best, one) => {
    if (best === undefined) return one
    const order = one.lastEpoch - best.lastEpoch || comparePlaces(one.durable, best.durable)
    return order > 0 ? one : best
  }, undefined)

/**
 * Promotes the replica that has the most, after fencing all that can be reached.
 *
 * Fenced replicas take nothing from the old primary any more, so with `replicas − durable + 1` of them fenced it can
 * acknowledge nothing new, and one of them has everything it ever acknowledged. With fewer, nothing is promoted. It does not
 * find out by itself that a primary is gone: an operator or a `Lease` says when.
 */
export const promote = Effect.fn("Promotion.promote")(function* (
  options: PromotionOptions
): Effect.fn.Return<Promoted, ShippingError | LogError, Scope.Scope> {
  const { candidates, replicas, durable, epoch: wanted, ...shape } = options
  const needed = replicas - durable + 1
  const tooFew = (fenced: number): ShippingError =>
    new ShippingError({ operation: "promote", reason: new TooFew({ fenced, needed: Math.max(1, needed) }) })
  // Before anything is fenced: a promotion that cannot be must not depose a primary that works.
  if (candidates.length < needed) return yield* tooFew(0)
  const reports = yield* Effect.forEach(candidates, (candidate) => candidate.report)
  const epoch = wanted ?? 1 + Math.max(0, ...reports.map((report) => report.promised))
  const fenced: Array<FencedReplica> = []
  let refused: ShippingError | undefined
  for (const candidate of candidates) {
    const result = yield* Effect.result(candidate.fence(epoch))
    if (result._tag === "Success") fenced.push(result.success)
    else refused = result.failure
  }
  if (refused?.reason._tag === "Fenced") return yield* refused
  const best = mostAdvanced(fenced)
  const chosen = candidates.find((candidate) => candidate.name === best?.name)
  if (fenced.length < needed || chosen === undefined) return yield* tooFew(fenced.length)
  const log = yield* chosen.promote({ ...shape, epoch })
  return { name: chosen.name, epoch, log }
})
