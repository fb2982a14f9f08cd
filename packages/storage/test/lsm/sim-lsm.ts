import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { type SimFs, seeded } from "../../src/disk/SimFs.ts"
import type { OpenLsm } from "../../src/lsm/OpenLsm.ts"
import { Lsm, type LsmError, type LsmOptions, type LsmWrite } from "../../src/lsm.ts"

/** Where stores live on the simulated disk. */
export const directory = "/data/store"

/** Everything so small that a few dozen writes go through every part of the store. */
export const tiny = {
  memtableBytes: 512,
  blockBytes: 128,
  tableBytes: 700,
  level1Bytes: 1500,
  cacheBytes: 512,
  manifestBytes: 1500,
  level0: { trigger: 2, slow: 12, stop: 12 },
  compaction: "inline"
} as const satisfies Omit<LsmOptions, "directory" | "durability">

/** Runs `use` with a store on a simulated disk. */
export const withStore = <A, E>(
  fs: SimFs,
  options: Omit<LsmOptions, "directory">,
  use: (store: OpenLsm) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E | LsmError> =>
  Effect.scoped(Effect.flatMap(Lsm.open({ directory, ...options }), use)).pipe(
    Effect.provide(ActorSystem.layer, { local: true }),
    Effect.provideService(FileSystem, fs)
  )

/** What one write did; its index in the model's list is its sequence. */
export interface ModelWrite {
  readonly key: string
  readonly value: string | undefined
  readonly timeMillis: number
}

/** What a store should be: the list of all writes, from which every state of it follows. */
export class Model {
  /** Index 0 is unused: sequences begin at 1. */
  readonly writes: Array<ModelWrite> = [{ key: "", value: undefined, timeMillis: 0 }]
  /** First and last sequence of each batch. */
  readonly batches: Array<readonly [number, number]> = []
  /** The last sequence that was acknowledged. */
  acknowledged = 0

  get last(): number {
    return this.writes.length - 1
  }

  note(batch: ReadonlyArray<LsmWrite>, timeMillis: number): void {
    const first = this.writes.length
    for (const write of batch) {
      this.writes.push({
        key: String(write.key),
        value: write.type === "put" ? String(write.value) : undefined,
        timeMillis
      })
    }
    this.batches.push([first, this.last])
  }

  /** The store after a sequence, in the order of keys. */
  at(sequence: number): Map<string, string> {
    const state = new Map<string, string>()
    for (const { key, value } of this.writes.slice(1, sequence + 1)) {
      if (value === undefined) state.delete(key)
      else state.set(key, value)
    }
    return new Map([...state].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
  }

  /** The sequence of the last write at a time or before. */
  sequenceAt(timeMillis: number): number {
    return this.writes.findLastIndex((write) => write.timeMillis <= timeMillis)
  }
}

const text = new TextDecoder()

/** What a reader shows, both ways; throws when the two ways differ. */
export const shown = (reader: Pick<OpenLsm, "scan">): Map<string, string> => {
  const up = [...reader.scan()].map(({ key, value }) => [text.decode(key), text.decode(value)] as const)
  const down = [...reader.scan({ reverse: true })].map(({ key }) => text.decode(key))
  const keys = up.map(([key]) => key)
  if (keys.join() !== down.toReversed().join()) throw new Error(`up ${keys}, down ${down}`)
  return new Map(up)
}

/** A text for bytes, `undefined` stays. */
export const decoded = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : text.decode(bytes)

const keys = [
  "",
  "a",
  "ab",
  "abc",
  "like:1:22",
  "like:1:3",
  "like:10:3",
  "user:0000000001",
  "user:00000000010",
  "ü"
] as const

/** A key that comes again often enough: some of mixed lengths, most of one family. */
export const keyOf = (random: () => number): string =>
  random() < 0.3
    ? (keys[Math.floor(random() * keys.length)] as string)
    : `key:${String(Math.floor(random() * 40)).padStart(4, "0")}`

/** A batch that follows from the generator: one to six writes, a third of them deletes. */
export const batchOf = (random: () => number, n: number): Array<LsmWrite> =>
  Array.from({ length: random() < 0.6 ? 1 : 1 + Math.floor(random() * 6) }, (_, i) => {
    const key = keyOf(random)
    return random() < 0.33
      ? { type: "delete", key }
      : { type: "put", key, value: `value ${n}.${i} `.padEnd(Math.floor(random() * 60), "x") }
  })

export { seeded }
