import { Subject, type Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Checkpoints } from "./Checkpoints.ts"
import * as Commit from "./Commit.ts"
import { origin, type Position, type Recorded } from "./PartitionFold.ts"
import { brokerFailed, retrying } from "./Transient.ts"
import type { View } from "./View.ts"
import { FoldFailed, Foreign, NotAnOutput, ViewError, type ViewErrorReason } from "./ViewError.ts"

/** What became of the snapshot at a start: `used`, there was `none`, it was `damaged`, or it is of `other` outputs than the topic holds. */
export type SnapshotUse = "used" | "none" | "damaged" | "other"

/** Where a partition begins. */
export interface Recovered<State> {
  readonly state: State
  readonly position: Position
  /** Commits after `position`: their chunks are folded again and compared, not appended again. */
  readonly recorded: ReadonlyArray<Recorded>
  /** Last committed input sequence; 0 for none. */
  readonly committedTo: number
  readonly snapshot: SnapshotUse
}

/**
 * Finds where a partition goes on: the newest snapshot that belongs to the output topic as it is, and every commit after it.
 *
 * The output topic is the truth. A snapshot whose last commit is not in it (the tail of the topic was lost, or it was deleted to
 * rebuild) is not used. A commit or snapshot with another view's digest is `Foreign`.
 */
export const recover = <State, Output>(
  view: View<State, Output>,
  partition: number,
  output: Topic,
  checkpoints: Checkpoints
): Effect.Effect<Recovered<State>, ViewError> => {
  const fail = (reason: ViewErrorReason) => new ViewError({ view: view.id, partition, reason })
  const subject = Subject.partitionSubject(partition)

  const commitOf = (
    record: Parameters<typeof Commit.ofRecord>[0]
  ): Effect.Effect<Commit.Commit, ViewError> => {
    const commit = Commit.ofRecord(record)
    if (commit === undefined) return Effect.fail(fail(new NotAnOutput({ outSequence: record.sequence })))
    return commit.digest === view.digest
      ? Effect.succeed(commit)
      : Effect.fail(fail(new Foreign({ where: "output", expected: view.digest, found: commit.digest })))
  }

  const belongs = Effect.fnUntraced(function* (position: Position) {
    const { chain, outSequence } = position
    if (outSequence === 0) return true
    const found = yield* retrying(
      Stream.runHead(output.read({ from: outSequence, to: outSequence, filters: [subject] }))
    )
    return Option.isSome(found) && Commit.ofRecord(found.value)?.chain === chain
  })

  const begin = Effect.fnUntraced(function* () {
    const snapshot = yield* checkpoints.load(partition)
    const fresh = { state: view.initial(partition), position: origin }
    if (typeof snapshot === "string") return { ...fresh, snapshot }
    if (snapshot.digest !== view.digest) {
      return yield* fail(new Foreign({ where: "snapshot", expected: view.digest, found: snapshot.digest }))
    }
    if (!(yield* belongs(snapshot.position))) return { ...fresh, snapshot: "other" as const }
    const state = yield* Effect.try({
      try: () => view.state.decode(snapshot.state),
      catch: (defect) => fail(new FoldFailed({ inSequence: snapshot.position.inSequence, defect }))
    })
    return { state, position: snapshot.position, snapshot: "used" as const }
  })

  return Effect.gen(function* () {
    const last = yield* retrying(output.last(subject))
    const lastCommit = Option.isSome(last) ? yield* commitOf(last.value) : undefined
    const begun = yield* begin()
    const to = Option.isSome(last) ? last.value.sequence : 0
    const recorded: Array<Recorded> = []
    if (to > begun.position.outSequence) {
      const from = begun.position.outSequence + 1
      const records = yield* retrying(Stream.runCollect(output.read({ from, to, filters: [subject] })))
      for (const record of records) {
        recorded.push({ commit: yield* commitOf(record), outSequence: record.sequence })
      }
    }
    return { ...begun, recorded, committedTo: lastCommit?.inSequence ?? 0 }
  }).pipe(Effect.catchTag("BrokerError", (error) => Effect.fail(brokerFailed(view.id, partition)(error))))
}
