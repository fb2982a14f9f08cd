import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Progress } from "./Progress.ts"
import type { SnapshotUse } from "./Recovery.ts"
import type { ViewError } from "./ViewError.ts"

/** Where one partition of a running view stands. */
export interface PartitionStatus {
  readonly partition: number
  /** Last input sequence folded; 0 for none. */
  readonly inSequence: number
  /** Input records folded since the first. */
  readonly records: number
  /** Outputs committed since the first. */
  readonly outputs: number
  /** Last sequence of the partition in the output topic; 0 for none. */
  readonly outSequence: number
  /** Input records that this run folded again because no snapshot covered them. */
  readonly replayed: number
  /** What became of the snapshot when this run began. */
  readonly snapshot: SnapshotUse
}

/** A view that runs, until its scope closes or it is stopped. */
export interface RunningView {
  /** `name@version`. */
  readonly id: string
  /** Name of the actor of each partition, `views/<name>@<version>`; their ids are `p.<n>`. */
  readonly actor: string
  /** Name of the topic with the outputs. */
  readonly outputTopic: string

  /** Where each partition stands now. */
  readonly position: Effect.Effect<ReadonlyArray<PartitionStatus>>

  /**
   * Waits until every partition has folded the input up to `sequence` (default: the input's last one now) and its outputs are committed.
   * A sequence that is not there yet is waited for. Fails when the view stops first.
   */
  readonly caughtUp: (sequence?: number) => Effect.Effect<void, ViewError>

  /** Samples of how far the view is, `every` (default 250 ms); never ends, fails when the view stops. */
  readonly progress: (every?: Duration.Input) => Stream.Stream<Progress, ViewError>

  /** Stores a snapshot of every partition now. */
  readonly checkpoint: Effect.Effect<void, ViewError>

  /** Ends when the view fails, with its error: race what depends on the view with it. */
  readonly failure: Effect.Effect<never, ViewError>

  /** Stores snapshots and ends the view. Closing the scope without it is like a crash: nothing is lost, but more is folded again. */
  readonly stop: Effect.Effect<void, ViewError>
}
