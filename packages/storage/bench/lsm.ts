import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import {
  type Case,
  type Contender,
  type Durability,
  define,
  measured,
  type Rival,
  type Turn
} from "@troupe/bench"
import { ActorSystem } from "@troupe/runtime"
import { Lsm } from "@troupe/storage/lsm"
import { ClassicLevel } from "classic-level"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

/** The key-value store against LevelDB (classic-level) and node:sqlite: keys of 16 bytes, values of 100 that do not compress. */

const batchSize = 1000
const valueBytes = 100

/** Digits of a key's number, scattered over all keys when it is to be random. */
const keyAt = (n: number): Uint8Array => Buffer.from(String(n).padStart(16, "0"))
const scattered = (n: number, count: number): number => (n * 7_368_787) % count

const noise = new Uint8Array(1 << 20)
for (let i = 0, state = 1; i < noise.length; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  noise[i] = state >>> 24
}
const valueAt = (n: number): Uint8Array => {
  const at = (n * 131) % (noise.length - valueBytes)
  return noise.subarray(at, at + valueBytes)
}

/** What every side can do; the same loop drives them all. */
interface Store {
  /** Writes `count` keys in batches, or one awaited put after the other. */
  readonly fill: (count: number, random: boolean) => Promise<void>
  readonly put: (count: number) => Promise<void>
  /** `count` puts by so many writers at a time, each awaiting its own. */
  readonly putTogether: (count: number, writers: number) => Promise<void>
  readonly getSync: (keys: number, count: number) => number
  readonly get: (keys: number, count: number) => Promise<number>
  readonly iterate: () => Promise<number>
  readonly settle: () => Promise<void>
  readonly close: () => Promise<void>
}

type Open = (directory: string, durability: Durability) => Promise<Store>

const batchesOf = function* (count: number, random: boolean): Generator<ReadonlyArray<number>> {
  for (let at = 0; at < count; at += batchSize) {
    yield Array.from({ length: Math.min(batchSize, count - at) }, (_, i) =>
      random ? scattered(at + i, count) : at + i
    )
  }
}

const openOurs: Open = async (directory, durability) => {
  const scope = Scope.makeUnsafe()
  const store = await Effect.runPromise(
    Effect.gen(function* () {
      const system = yield* Layer.build(ActorSystem.layer)
      return yield* Effect.provide(Lsm.open({ directory, durability }), system)
    }).pipe(Scope.provide(scope))
  )
  return {
    fill: (count, random) =>
      Effect.runPromise(
        Effect.gen(function* () {
          for (const batch of batchesOf(count, random)) {
            yield* store.write(batch.map((n) => ({ type: "put", key: keyAt(n), value: valueAt(n) })))
          }
        })
      ),
    put: (count) =>
      Effect.runPromise(
        Effect.gen(function* () {
          for (let n = 0; n < count; n++) yield* store.put(keyAt(scattered(n, count)), valueAt(n))
        })
      ),
    putTogether: (count, writers) =>
      Effect.runPromise(
        Effect.forEach(
          Array.from({ length: writers }, (_, w) => w),
          (writer) =>
            Effect.gen(function* () {
              for (let n = writer; n < count; n += writers) yield* store.put(keyAt(n), valueAt(n))
            }),
          { concurrency: "unbounded", discard: true }
        )
      ),
    getSync: (keys, count) => {
      let found = 0
      for (let n = 0; n < count; n++) if (store.getSync(keyAt(scattered(n, keys))) !== undefined) found++
      return found
    },
    get: (keys, count) =>
      Effect.runPromise(
        Effect.gen(function* () {
          let found = 0
          for (let n = 0; n < count; n++) {
            if ((yield* store.get(keyAt(scattered(n, keys)))) !== undefined) found++
          }
          return found
        })
      ),
    iterate: async () => {
      let bytes = 0
      for (const { value } of store.scan()) bytes += value.length
      return bytes / valueBytes
    },
    settle: () => Effect.runPromise(store.compact),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

const openLevel: Open = async (directory, durability) => {
  const sync = durability === "disk"
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: "view",
    valueEncoding: "view",
    cacheSize: 64 * 1024 * 1024,
    writeBufferSize: 16 * 1024 * 1024
  })
  await level.open()
  return {
    fill: async (count, random) => {
      for (const batch of batchesOf(count, random)) {
        await level.batch(
          batch.map((n) => ({ type: "put" as const, key: keyAt(n), value: valueAt(n) })),
          { sync }
        )
      }
    },
    put: async (count) => {
      for (let n = 0; n < count; n++) await level.put(keyAt(scattered(n, count)), valueAt(n), { sync })
    },
    putTogether: async (count, writers) => {
      const write = async (writer: number): Promise<void> => {
        for (let n = writer; n < count; n += writers) await level.put(keyAt(n), valueAt(n), { sync })
      }
      await Promise.all(Array.from({ length: writers }, (_, w) => write(w)))
    },
    getSync: (keys, count) => {
      let found = 0
      for (let n = 0; n < count; n++) if (level.getSync(keyAt(scattered(n, keys))) !== undefined) found++
      return found
    },
    get: async (keys, count) => {
      let found = 0
      for (let n = 0; n < count; n++) if ((await level.get(keyAt(scattered(n, keys)))) !== undefined) found++
      return found
    },
    iterate: async () => {
      let bytes = 0
      const iterator = level.iterator()
      for (;;) {
        // Its fastest way: a thousand entries a call.
        const entries = await iterator.nextv(1000)
        if (entries.length === 0) break
        for (const [, value] of entries) bytes += value.length
      }
      await iterator.close()
      return bytes / valueBytes
    },
    settle: () => level.compactRange(keyAt(0), keyAt(1e15)),
    close: () => level.close()
  }
}

const openSqlite: Open = async (directory, durability) => {
  const database = new DatabaseSync(join(directory, "sqlite"))
  database.exec("PRAGMA journal_mode = WAL; PRAGMA cache_size = -65536")
  database.exec(`PRAGMA synchronous = ${durability === "disk" ? "FULL" : "NORMAL"}`)
  database.exec("CREATE TABLE store (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
  const insert: StatementSync = database.prepare("INSERT OR REPLACE INTO store VALUES (?, ?)")
  const select = database.prepare("SELECT value FROM store WHERE key = ?")
  const all = database.prepare("SELECT key, value FROM store ORDER BY key")
  const getSync: Store["getSync"] = (keys, count) => {
    let found = 0
    for (let n = 0; n < count; n++) if (select.get(keyAt(scattered(n, keys))) !== undefined) found++
    return found
  }
  return {
    fill: async (count, random) => {
      for (const batch of batchesOf(count, random)) {
        database.exec("BEGIN")
        for (const n of batch) insert.run(keyAt(n), valueAt(n))
        database.exec("COMMIT")
      }
    },
    put: async (count) => {
      for (let n = 0; n < count; n++) insert.run(keyAt(scattered(n, count)), valueAt(n))
    },
    putTogether: async (count) => {
      for (let n = 0; n < count; n++) insert.run(keyAt(n), valueAt(n))
    },
    getSync,
    get: async (keys, count) => getSync(keys, count),
    iterate: async () => {
      let bytes = 0
      for (const row of all.iterate()) bytes += (row["value"] as Uint8Array).length
      return bytes / valueBytes
    },
    settle: async () => {
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
    },
    close: async () => database.close()
  }
}

interface Work {
  readonly case: string
  readonly durability: Durability
  /** Keys that are there before the turns; none gives each turn a new store. */
  readonly keys?: (turn: Turn) => number
  /** Does the work; answers how many operations it did. */
  readonly run: (store: Store, turn: Turn) => number | Promise<number>
}

const fresh = async (open: Open, durability: Durability) => {
  const directory = mkdtempSync(join(tmpdir(), "troupe-bench-lsm-"))
  const store = await open(directory, durability)
  return {
    store,
    done: async () => {
      await store.close()
      rmSync(directory, { recursive: true })
    }
  }
}

const rate = async (work: Work, store: Store, turn: Turn) => {
  const begin = performance.now()
  const pending = work.run(store, turn)
  const operations = pending instanceof Promise ? await pending : pending
  return measured((operations / (performance.now() - begin)) * 1000)
}

const contender = (open: Open, work: Work): Contender => {
  const { durability, keys } = work
  if (keys === undefined) {
    return {
      durability,
      run: async (turn) => {
        const { done, store } = await fresh(open, durability)
        const figure = await rate(work, store, turn)
        await done()
        return figure
      }
    }
  }
  let held: Awaited<ReturnType<typeof fresh>> | undefined
  return {
    durability,
    setup: async (turn) => {
      held = await fresh(open, durability)
      await held.store.fill(keys(turn), true)
      await held.store.settle()
    },
    run: (turn) => rate(work, (held as NonNullable<typeof held>).store, turn),
    teardown: async () => held?.done()
  }
}

const filled = ({ quick }: Turn): number => (quick ? 100_000 : 500_000)
const reads = ({ quick }: Turn): number => (quick ? 20_000 : 100_000)
const expect = (found: number, count: number): number => {
  if (found !== count) throw new Error(`${found} of ${count} keys were found`)
  return count
}

const works: ReadonlyArray<Work> = [
  ...[false, true].map((random) => ({
    case: `batched fill, ${random ? "random" : "sequential"}, 1000 a batch`,
    durability: "os" as const,
    run: async (store: Store, turn: Turn) => {
      await store.fill(filled(turn), random)
      return filled(turn)
    }
  })),
  {
    case: "awaited put, one at a time",
    durability: "os",
    run: async (store, turn) => {
      await store.put(reads(turn))
      return reads(turn)
    }
  },
  {
    case: "64 writers, each awaiting its puts",
    durability: "disk",
    run: async (store, { quick }) => {
      const count = quick ? 4_000 : 20_000
      await store.putTogether(count, 64)
      return count
    }
  },
  {
    case: "random get, synchronous",
    durability: "os",
    keys: filled,
    run: (store, turn) => expect(store.getSync(filled(turn), reads(turn)), reads(turn))
  },
  {
    case: "random get, awaited",
    durability: "os",
    keys: filled,
    run: async (store, turn) => expect(await store.get(filled(turn), reads(turn)), reads(turn))
  },
  {
    case: "iterate over everything",
    durability: "os",
    keys: filled,
    run: async (store, turn) => expect(await store.iterate(), filled(turn))
  }
]

const rivals: ReadonlyArray<readonly [name: string, open: Open]> = [
  ["classic-level", openLevel],
  ["node:sqlite", openSqlite]
]

export const bench = define(
  "lsm",
  works.flatMap((work) =>
    rivals.map(
      ([name, open]): Case => ({
        case: work.case,
        unit: "ops/s",
        ours: contender(openOurs, work),
        rival: { name, ...contender(open, work) } satisfies Rival
      })
    )
  )
)
