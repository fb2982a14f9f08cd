/**
 * Runs views, recomputes them, and reads them back.
 *
 * Effectively once: the output topic is the commit record. An append with the expected last sequence of its partition commits a chunk's outputs and
 * fences every other processor; what was committed is never appended again, whatever crashed when.
 */
import type { Broker, Topic } from "@troupe/broker"
import type { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Checkpoints from "./Checkpoints.ts"
import * as Outputs from "./Outputs.ts"
import * as Runner from "./Runner.ts"
import type { RunningView } from "./RunningView.ts"
import * as Table from "./Table.ts"
import type { Throttle } from "./Throttle.ts"
import { brokerFailed } from "./Transient.ts"
import { stateTopic, type View } from "./View.ts"
import type { ViewError } from "./ViewError.ts"

/** How to run a view. */
export interface RunOptions {
  /** The topic to fold; its records are on subjects `p.<n>` or `p.<n>.…`. */
  readonly input: Topic
  /** Number of partitions that the input is written with. */
  readonly partitions: number
  /** The partitions that this process runs; default all. */
  readonly only?: ReadonlyArray<number>
  /** A run of its own, with an output topic of its own: `<name>-v<version>-<namespace>`. */
  readonly namespace?: string
  /** Input records of a partition that are folded at once and committed together; default 8192. */
  readonly chunkRecords?: number
  /** A chunk ends earlier once its records have this many bytes; default 8 MiB. */
  readonly chunkBytes?: number
  /** Input records of a partition between snapshots; default 131 072. */
  readonly checkpointRecords?: number
  /**
   * Slows down the reading of what is there already, so that live requests stay within their latency; what comes live is not slowed down. The
   * outputs are the same. One fold still takes a whole chunk: where it shares a thread with live work, make `chunkRecords` small.
   */
  readonly throttle?: Throttle
}

const positive = (name: string, value: number): number => {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new RangeError(`Views.run: ${name} is ${value}, must be a whole number of at least 1`)
}

const partitionsOf = (options: RunOptions): ReadonlyArray<number> => {
  const partitions = positive("partitions", options.partitions)
  const only = options.only ?? Array.from({ length: partitions }, (_, index) => index)
  const isWrong = (partition: number) =>
    !Number.isSafeInteger(partition) || partition < 0 || partition >= partitions
  if (only.length === 0 || new Set(only).size !== only.length || only.some(isWrong)) {
    throw new RangeError(`Views.run: only must name different partitions of 0 … ${partitions - 1}`)
  }
  return only
}

/**
 * Runs a view until the scope closes: one actor a partition (`views/<name>@<version>`, ids `p.<n>`), which goes on behind its last commit.
 *
 * Answers when every partition knows where it goes on. Fails with `Foreign` when the topics hold another view's work. Later failures
 * (`Fenced`, `FoldFailed`, `NotDeterministic`, …) stop the view and come out of `failure`, `caughtUp` and `progress`.
 * Two versions run side by side; the same version twice in one actor system is a defect, in two of them all but one are fenced.
 */
export const run = <State, Output>(
  view: View<State, Output>,
  options: RunOptions
): Effect.Effect<RunningView, ViewError, Scope.Scope | ActorSystem | Broker> =>
  Effect.gen(function* () {
    const partitions = partitionsOf(options)
    const { namespace } = options
    const output = yield* Outputs.open(view, namespace)
    const checkpoints = yield* Effect.mapError(
      Checkpoints.open(stateTopic(view, namespace)),
      brokerFailed(view.id, -1)
    )
    return yield* Runner.start({
      view,
      actor: `views/${view.id}${namespace === undefined ? "" : `/${namespace}`}`,
      input: options.input,
      output,
      checkpoints,
      partitions,
      whole: options.only === undefined ? options.partitions : undefined,
      chunkRecords: positive("chunkRecords", options.chunkRecords ?? 8192),
      chunkBytes: positive("chunkBytes", options.chunkBytes ?? 8 * 1024 * 1024),
      checkpointRecords: positive("checkpointRecords", options.checkpointRecords ?? 131_072),
      throttle: options.throttle
    })
  })

/** Which outputs count. */
export interface RowsOptions {
  /** The namespace of the run that wrote them. */
  readonly namespace?: string
  /** Only outputs of input records up to this sequence: an equal watermark for two versions. */
  readonly through?: number
}

/** Reads a view's output topic back into a table: what a reader of the topic sees, and nothing else. */
export const rows = <State, Output>(
  view: View<State, Output>,
  spec: Table.TableSpec<Output>,
  options?: RowsOptions
): Effect.Effect<Table.Rows, ViewError, Broker> =>
  Effect.suspend(() => {
    const table = Table.make(spec)
    const through = options?.through ?? Number.POSITIVE_INFINITY
    return Outputs.read(view, options).pipe(
      Stream.runForEachArray((commits) =>
        Effect.sync(() => {
          for (const committed of commits) {
            if (committed.commit.inSequence <= through) table.apply(Outputs.decode(view, committed))
          }
        })
      ),
      Effect.as(table.rows)
    )
  })
