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
 * - After `Unknown` the same commit is sent again under the same message id; when a record with this commit's chain is the last one
 *   then, the first try was stored.
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
      // True once a try of this very commit may have been stored.
      let isInDoubt = false
      const answer = yield* output.append(request).pipe(
        Effect.tapError((error: BrokerError) =>
          Effect.sync(() => {
            if (error.reason._tag === "Unknown") isInDoubt = true
          })
        ),
        Effect.retry({ schedule: backoff, while: (error) => error.isTransient }),
        Effect.catchReason("BrokerError", "Conflict", () => Effect.succeed({ duplicate: true }))
      )
      if ("sequence" in answer && !answer.duplicate) {
        hasStored = true
        return answer.sequence
      }
      // Somebody stored a record here: whose is it?
      const last = yield* retrying(output.last(subject))
      const actual = Option.isSome(last) ? last.value.sequence : 0
      const isThisCommit = Option.isSome(last) && Commit.ofRecord(last.value)?.chain === pending.commit.chain
      if (!isThisCommit || (hasStored && !isInDoubt)) {
        return yield* new ViewError({
          view: view.id,
          partition,
          reason: new Fenced({ expected: after, actual })
        })
      }
      return actual
    },
    Effect.catchTag("BrokerError", (error) => Effect.fail(brokerFailed(view.id, partition)(error)))
  )

  return { append }
}
