import type { LsmStats } from "@troupe/storage/lsm"
import * as Effect from "effect/Effect"
import * as ChildProcess from "../ChildProcess.ts"
import * as StoreShape from "./StoreShape.ts"
import * as Workload from "./Workload.ts"

/** The process says this of each acknowledged write. */
export interface WriteAcknowledged {
  readonly writer: number
  readonly index: number
  readonly sequence: number
}

/** The process says this in the end. */
export interface WriterDone {
  readonly stats: LsmStats
}

/** What the child process is told to do. */
export interface WriterSettings {
  readonly directory: string
  readonly seed: number
  /** For each writer, how many of its writes are acknowledged already. */
  readonly from: ReadonlyArray<number>
  /** Writes of each writer in all. */
  readonly writes: number
}

/**
 * The writing process: several writers at once, each awaiting each of its writes, and a message for every
 * acknowledgement. The last message is the store's counts.
 */
export const run = Effect.fn("StorageWriter.run")(function* ({
  directory,
  from,
  seed,
  writes
}: WriterSettings) {
  const store = yield* StoreShape.open(directory)
  const writer = Effect.fnUntraced(function* (index: number) {
    const all = Workload.writes(seed, index, writes)
    for (let i = from[index] ?? 0; i < all.length; i++) {
      const { key, value } = all[i] as Workload.Write
      const sequence = yield* value === undefined ? store.delete(key) : store.put(key, value)
      // On its way before the writer goes on: after a kill at most one write of each writer is in doubt.
      yield* ChildProcess.tell({ writer: index, index: i, sequence } satisfies WriteAcknowledged)
    }
  })
  yield* Effect.forEach(from, (_, index) => writer(index), { concurrency: "unbounded", discard: true })
  yield* store.flush
  yield* store.retain
  yield* ChildProcess.tell({ stats: store.stats } satisfies WriterDone)
})
