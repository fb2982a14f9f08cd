import type { Broker, Topic, TopicRecord } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Frames from "./Frames.ts"
import * as Outputs from "./Outputs.ts"
import { filtersOf, partitionOfSubject } from "./Router.ts"
import * as Sha256 from "./Sha256.ts"
import * as Table from "./Table.ts"
import { brokerFailed } from "./Transient.ts"
import type { View } from "./View.ts"
import { FoldFailed, ViewError } from "./ViewError.ts"

/** The outputs of one partition as one value: equal when every output is equal, byte by byte and in order, however commits are cut. */
export interface OutputDigest {
  readonly partition: number
  /** Last input sequence that the outputs answer; 0 for none. */
  readonly inSequence: number
  readonly outputs: number
  /** SHA-256 over all outputs, 64 hex digits. */
  readonly digest: string
}

/** What a replay computed. */
export interface Replayed<State> {
  readonly partitions: ReadonlyArray<OutputDigest & { readonly state: State; readonly records: number }>
  /** The table of all outputs; empty where no table was asked for. */
  readonly rows: Table.Rows
}

/** What to replay. */
export interface ReplayOptions<Output> {
  readonly input: Topic
  readonly partitions: number
  /** Last input sequence to fold, for all partitions or for each; default what is there now. */
  readonly through?: number | ((partition: number) => number)
  readonly table?: Table.TableSpec<Output>
  /** Records folded at once; default 8192. A fold does not see it. */
  readonly chunkRecords?: number
}

/**
 * Folds the input again from its first record, in memory: nothing is loaded, nothing is appended, a running view is not disturbed.
 */
export const replay = <State, Output>(
  view: View<State, Output>,
  options: ReplayOptions<Output>
): Effect.Effect<Replayed<State>, ViewError> =>
  Effect.suspend(() => {
    const { chunkRecords = 8192, input, through } = options
    const table = options.table === undefined ? undefined : Table.make(options.table)
    const limit = typeof through === "function" ? through : () => through ?? Number.POSITIVE_INFINITY
    const lanes = Array.from({ length: options.partitions }, (_, partition) => ({
      partition,
      through: limit(partition),
      state: view.initial(partition),
      hash: Sha256.begin(),
      buffer: [] as Array<TopicRecord>,
      records: 0,
      outputs: 0,
      inSequence: 0
    }))

    const fold = (lane: (typeof lanes)[number]): FoldFailed | undefined => {
      const chunk = lane.buffer
      const inSequence = chunk.at(-1)?.sequence ?? lane.inSequence
      if (chunk.length === 0) return undefined
      try {
        const folded = view.fold(lane.state, chunk, lane.partition)
        const frames = folded.outputs.map(view.output.encode)
        lane.hash.update(Frames.join(frames))
        // Through the codec, as every reader of the output topic gets them.
        table?.apply(frames.map(view.output.decode))
        lane.state = folded.state
        lane.records += chunk.length
        lane.outputs += frames.length
        lane.inSequence = inSequence
        lane.buffer = []
        return undefined
      } catch (defect) {
        return new FoldFailed({ inSequence, defect })
      }
    }

    const foldAll = (least: number): ViewError | undefined => {
      for (const lane of lanes) {
        const reason = lane.buffer.length >= least ? fold(lane) : undefined
        if (reason !== undefined) return new ViewError({ view: view.id, partition: lane.partition, reason })
      }
      return undefined
    }

    const filters = lanes.flatMap((lane) => filtersOf(lane.partition))
    const to = Math.max(...lanes.map((lane) => lane.through))
    const range = Number.isFinite(to) ? { from: 1, to } : { from: 1 }
    return (to < 1 ? Stream.empty : input.read({ ...range, filters })).pipe(
      Stream.mapError(brokerFailed(view.id, -1)),
      Stream.runForEachArray((records) => {
        for (const record of records) {
          const lane = lanes[partitionOfSubject(record.subject)]
          if (lane !== undefined && record.sequence <= lane.through) lane.buffer.push(record)
        }
        const failure = foldAll(chunkRecords)
        return failure === undefined ? Effect.void : Effect.fail(failure)
      }),
      Effect.andThen(
        Effect.suspend(() => {
          const failure = foldAll(1)
          if (failure !== undefined) return Effect.fail(failure)
          const partitions = lanes.map(({ hash, inSequence, outputs, partition, records, state }) => ({
            partition,
            inSequence,
            outputs,
            digest: hash.hex(),
            state,
            records
          }))
          return Effect.succeed({ partitions, rows: table?.rows ?? new Map() })
        })
      )
    )
  })

/** Digests of what the output topic holds, one a partition that has commits, sorted by partition. */
export const outputDigests = <State, Output>(
  view: View<State, Output>,
  options?: { readonly namespace?: string }
): Effect.Effect<ReadonlyArray<OutputDigest>, ViewError, Broker> =>
  Effect.suspend(() => {
    const lanes = new Map<number, { hash: Sha256.Running; outputs: number; inSequence: number }>()
    return Outputs.read(view, options).pipe(
      Stream.runForEachArray((commits) =>
        Effect.sync(() => {
          for (const { commit, partition, payload } of commits) {
            const lane = lanes.get(partition) ?? { hash: Sha256.begin(), outputs: 0, inSequence: 0 }
            lanes.set(partition, lane)
            lane.hash.update(payload)
            lane.outputs += commit.n
            lane.inSequence = commit.inSequence
          }
        })
      ),
      Effect.map(() =>
        [...lanes]
          .sort(([a], [b]) => a - b)
          .map(([partition, { hash, inSequence, outputs }]) => ({
            partition,
            inSequence,
            outputs,
            digest: hash.hex()
          }))
      )
    )
  })

/** A partition whose replay differs from what is stored. */
export interface ReplayDifference {
  readonly partition: number
  readonly stored: OutputDigest
  readonly replayed: OutputDigest
}

/** Whether a replay gives what the live run committed. */
export interface Verified {
  readonly replayEqualsLive: boolean
  /** Outputs compared. */
  readonly outputs: number
  readonly differences: ReadonlyArray<ReplayDifference>
}

/**
 * Replays the input up to each partition's last commit and compares every output, byte by byte and in order, with the output topic.
 */
export const verify = <State, Output>(
  view: View<State, Output>,
  options: Omit<ReplayOptions<Output>, "through" | "table"> & { readonly namespace?: string }
): Effect.Effect<Verified, ViewError, Broker> =>
  Effect.gen(function* () {
    const stored = yield* outputDigests(view, options)
    const commits = new Map(stored.map((lane) => [lane.partition, lane]))
    const through = (partition: number) => commits.get(partition)?.inSequence ?? 0
    const replayed = yield* replay(view, {
      input: options.input,
      partitions: options.partitions,
      through,
      ...(options.chunkRecords === undefined ? {} : { chunkRecords: options.chunkRecords })
    })
    const differences: Array<ReplayDifference> = []
    for (const lane of stored) {
      const again = replayed.partitions[lane.partition]
      const { digest, inSequence, outputs } = again ?? { digest: "", inSequence: 0, outputs: 0 }
      if (digest !== lane.digest || outputs !== lane.outputs) {
        const { partition } = lane
        differences.push({ partition, stored: lane, replayed: { partition, inSequence, outputs, digest } })
      }
    }
    const outputs = stored.reduce((sum, lane) => sum + lane.outputs, 0)
    return { replayEqualsLive: differences.length === 0, outputs, differences }
  })
