import type { Topic } from "@troupe/broker"
import { Actor, Mailbox, Supervision } from "@troupe/runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Appender from "./Appender.ts"
import type { Checkpoints } from "./Checkpoints.ts"
import * as PartitionFold from "./PartitionFold.ts"
import { Checkpoint, ChunkArrived, Start, Stop } from "./Protocol.ts"
import { recover, type SnapshotUse } from "./Recovery.ts"
import { brokerFailed } from "./Transient.ts"
import type { View } from "./View.ts"
import { Stopped, ViewError, type ViewErrorReason } from "./ViewError.ts"

/** What a processor shows to the run that owns it; written by the processor, except `waiting`. */
export interface Board {
  readonly partition: number
  position: PartitionFold.Position
  /** Every record of the partition up to this input sequence is folded, and what came out is committed. */
  settled: number
  /** False from the moment a chunk is taken until all its records are folded and committed. */
  isIdle: boolean
  /** Chunks told and not handled yet; the run counts up, the processor down. */
  waiting: number
  /** Input records folded again at the start because no snapshot covered them. */
  replayed: number
  snapshot: SnapshotUse
}

/** What a processor needs of its run. */
export interface Host<State, Output> {
  readonly view: View<State, Output>
  readonly output: Topic
  readonly checkpoints: Checkpoints
  readonly cutting: PartitionFold.Cutting
  readonly checkpointRecords: number
  /** Called after every message that may have moved `settled`. */
  readonly onProgress: () => void
  /** Called once for what stops the partition. */
  readonly onFailure: (cause: Cause.Cause<ViewError>) => void
}

const protocol = [Start, ChunkArrived, Checkpoint, Stop] as const

/** Mailbox places a partition: chunks that wait while one is folded and committed. */
const chunksWaiting = 4

/** A board before `Start`. */
export const board = (partition: number): Board => ({
  partition,
  position: PartitionFold.origin,
  settled: 0,
  isIdle: true,
  waiting: 0,
  replayed: 0,
  snapshot: "none"
})

/**
 * Runs the processor of one partition, the actor `views/<name>@<version>` with id `p.<n>`, until the scope closes.
 * It handles one chunk at a time: fold, append what came out, and only then the next.
 */
export const spawn = <State, Output>(host: Host<State, Output>, name: string, board: Board) => {
  const { checkpoints, cutting, output, view } = host
  const { partition } = board
  const fail = (reason: ViewErrorReason) => new ViewError({ view: view.id, partition, reason })
  const appender = Appender.make(view, partition, output)
  let fold: PartitionFold.PartitionFold | undefined
  let ended: Cause.Cause<ViewError> | undefined
  let snapshotAt = 0

  const refuse = (cause: Cause.Cause<ViewError>) =>
    Effect.sync(() => {
      // Interruption is the scope closing, which is no failure.
      if (ended !== undefined || Cause.hasInterruptsOnly(cause)) return
      ended = cause
      host.onFailure(cause)
    })

  /** After a failure, and after `Stop`, nothing is handled any more. */
  const guarded = <A>(effect: Effect.Effect<A, ViewError>): Effect.Effect<A, ViewError> =>
    Effect.suspend(() => (ended === undefined ? Effect.tapCause(effect, refuse) : Effect.failCause(ended)))

  const start = Effect.gen(function* () {
    const recovered = yield* recover(view, partition, output, checkpoints)
    fold = PartitionFold.make(view, partition, cutting, recovered)
    board.position = recovered.position
    board.snapshot = recovered.snapshot
    snapshotAt = recovered.position.records
    return recovered.position.inSequence
  })

  const store = Effect.fnUntraced(
    function* (fold: PartitionFold.PartitionFold) {
      const position = fold.position()
      if (fold.isReplaying() || position.records === snapshotAt) return
      const state = fold.encodeState()
      if ("_tag" in state) return yield* fail(state)
      yield* checkpoints.save(partition, {
        digest: view.digest,
        codeVersion: view.codeVersion,
        position,
        state
      })
      // Refused means that another processor stored one: it will do until the next.
      snapshotAt = position.records
    },
    Effect.catchTag("BrokerError", (error) => Effect.fail(brokerFailed(view.id, partition)(error)))
  )

  const chunkArrived = Effect.fnUntraced(function* ({ ended, records, through }: ChunkArrived) {
    if (fold === undefined) return yield* Effect.die(new Error("a chunk before Start"))
    fold.offer(records)
    for (;;) {
      const isReplay = fold.isReplaying()
      // More chunks wait: they fill this one, so that one commit serves them all.
      const step = fold.take(ended && board.waiting === 0)
      if (step === undefined) break
      if (step._tag !== "Step") return yield* fail(step)
      if (isReplay) board.replayed += step.records
      for (const commit of step.commits) {
        fold.committed(commit, yield* appender.append(commit, fold.position().outSequence))
      }
      board.position = fold.position()
      if (board.position.records - snapshotAt >= host.checkpointRecords) yield* store(fold)
    }
    board.isIdle = fold.buffered() === 0
    board.settled = Math.max(board.settled, board.isIdle ? through : fold.position().inSequence)
  })

  const handlers = {
    Start: () => guarded(start),
    ChunkArrived: (message: ChunkArrived) => {
      board.waiting--
      board.isIdle = false
      return guarded(chunkArrived(message)).pipe(
        // The run learns of it by `onFailure`; a tell has nobody to answer.
        Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.void)),
        Effect.tap(() => Effect.sync(host.onProgress))
      )
    },
    Checkpoint: () => guarded(Effect.suspend(() => (fold === undefined ? Effect.void : store(fold)))),
    Stop: () =>
      guarded(Effect.suspend(() => (fold === undefined ? Effect.void : store(fold)))).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            ended = Cause.fail(fail(new Stopped()))
          })
        )
      )
  }

  return Actor.make(name, protocol).spawn(`p.${partition}`, handlers, {
    mailbox: Mailbox.bounded(chunksWaiting),
    supervision: Supervision.stop,
    drain: 0
  })
}
