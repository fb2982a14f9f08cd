import * as Effect from "effect/Effect"
import * as StoreShape from "./StoreShape.ts"
import * as Workload from "./Workload.ts"

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
 * The writing process: several writers at once, each awaiting each of its writes, and a line on standard output for every
 * acknowledgement: `<writer> <index> <sequence>`. The last line is the store's counts as JSON.
 */
export const run = Effect.fn("StorageWriter.run")(function* ({
  directory,
  from,
  seed,
  writes
}: WriterSettings) {
  const store = yield* StoreShape.open(directory)
  // Each line is in the pipe before its writer goes on: after a kill at most one write of each writer is in doubt.
  const say = (line: string) =>
    Effect.callback<void>((resume) => {
      process.stdout.write(`${line}\n`, () => resume(Effect.void))
    })
  const writer = Effect.fnUntraced(function* (index: number) {
    const all = Workload.writes(seed, index, writes)
    for (let i = from[index] ?? 0; i < all.length; i++) {
      const { key, value } = all[i] as Workload.Write
      const sequence = yield* value === undefined ? store.delete(key) : store.put(key, value)
      yield* say(`${index} ${i} ${sequence}`)
    }
  })
  yield* Effect.forEach(from, (_, index) => writer(index), { concurrency: "unbounded", discard: true })
  yield* store.flush
  yield* store.retain
  yield* say(JSON.stringify(store.stats))
})
