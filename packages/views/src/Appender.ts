import { type BrokerError, Subject, type Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Commit from "./Commit.ts"
import type { Pending } from "./PartitionFold.ts"
import { backoff, brokerFailed, retrying } from "./Transient.ts"
import { Fenced, ViewError } from "./ViewError.ts"

/** Appends the commits of one partition, each behind the one before, or fails with `Fenced`. */
export interface Appender {
  /** Answers the commit's sequence in the output topic. `after` is the last sequence of the partition's subject, 0 for none. */
  readonly append: (pending: Pending, after: number) => Effect.Effect<number, ViewError>
}

/**
 * The fence. A commit is appended with the expected last sequence of its subject, so of two processors one loses.
 *
 * Whose record it is, is told by the chain: the digest over the partition's whole history.
 * - After `Unknown` the same commit is sent again under the same message id; a duplicate, or a conflict with a record that has this
 *   commit's chain, means that the first try was stored.
 * - Until this appender has stored a commit, its predecessor's last append may still arrive: a record with this commit's chain is
 *   then adopted. It is the same record.
 * - Any other conflict, and any duplicate of a record that this appender did not send, is another processor: `Fenced`.
 */
export const make = (view: { readonly id: string }, partition: number, output: Topic): Appender => {
  const subject = Subject.partitionSubject(partition)
  let hasStored = false

  const append = Effect.fnUntraced(
    function* (pending: Pending, after: number) {
      const request = {
        subject,
        data: pending.payload,
        headers: Commit.toHeaders(view.id, pending.commit),
        messageId: Commit.messageId(view.id, partition, pending.commit),
        expectLast: after
      }
      const fenced = (actual: number | undefined) =>
        new ViewError({
          view: view.id,
          partition,
          reason: new Fenced({ expected: after, ...(actual === undefined ? {} : { actual }) })
        })
      // True once a try of this very commit may have been stored.
      let isInDoubt = false
      const appended = yield* output.append(request).pipe(
        Effect.tapError((error: BrokerError) =>
          Effect.sync(() => {
            if (error.reason._tag === "Unknown") isInDoubt = true
          })
        ),
        Effect.retry({ schedule: backoff, while: (error) => error.isTransient }),
        Effect.catchReason("BrokerError", "Conflict", () =>
          Effect.flatMap(retrying(output.last(subject)), (last) => {
            const isOurs = Option.isSome(last) && Commit.ofRecord(last.value)?.chain === pending.commit.chain
            return isOurs
              ? Effect.succeed({ sequence: last.value.sequence, duplicate: true })
              : Effect.fail(fenced(Option.isSome(last) ? last.value.sequence : 0))
          })
        )
      )
      if (appended.duplicate && hasStored && !isInDoubt) return yield* fenced(appended.sequence)
      if (!appended.duplicate || isInDoubt) hasStored = true
      return appended.sequence
    },
    Effect.catchTag("BrokerError", (error) => Effect.fail(brokerFailed(view.id, partition)(error)))
  )

  return { append }
}
