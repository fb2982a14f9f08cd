import type { ActorSystem } from "@troupe/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { FileSystem } from "../disk/FileSystem.ts"
import { nodeFileSystem } from "../disk/NodeFileSystem.ts"
import { ensureDirectory, readWhole, replaceFile } from "../disk/WholeFile.ts"
import { Log } from "../log/Log.ts"
import type { SealedSegment } from "../log/ReadableLog.ts"
import { BlockCache } from "./BlockCache.ts"
import { attempt, LsmCorrupt, type LsmError, toLsmError } from "./LsmError.ts"
import { type LsmOptions, type LsmShape, shapeOf } from "./LsmOptions.ts"
import { newCounters } from "./LsmStats.ts"
import { type Maintenance, startMaintenance } from "./Maintenance.ts"
import { type Manifest, openManifest } from "./Manifest.ts"
import { Memtable } from "./Memtable.ts"
import { OpenLsm } from "./OpenLsm.ts"
import { StoreData } from "./StoreData.ts"
import { StoreWriter } from "./StoreWriter.ts"
import { inlineRunner, workerRunner } from "./TableJobRunner.ts"
import { idOfTableName, tableName } from "./TableMeta.ts"
import { Tables } from "./Tables.ts"
import { tablesOf } from "./Version.ts"

/** An open store. */
export type Lsm = OpenLsm

/** Copies a full file of the log into a directory, whole or not at all. */
const copyTo = (fs: FileSystem, archive: string) => (segment: SealedSegment) =>
  attempt("archive", archive, () => {
    ensureDirectory(fs, archive)
    const name = segment.path.slice(segment.path.lastIndexOf("/") + 1)
    replaceFile(fs, `${archive}/${name}`, readWhole(fs, segment.path))
  })

/** Removes what a crash left in the tables' directory, checks that all tables are there, and answers the next number. */
const sweepTables = (fs: FileSystem, directory: string, manifest: Manifest): number => {
  const names = new Set(fs.list(directory) ?? [])
  let next = 1
  const known = new Set<string>()
  for (const table of tablesOf(manifest.state.version)) {
    const name = tableName(table.id)
    known.add(name)
    next = Math.max(next, table.id + 1)
    if (names.has(name)) continue
    throw new LsmCorrupt({
      file: `${directory}/${name}`,
      from: 0,
      to: table.bytes,
      expected: "a table that the manifest names",
      found: "no file"
    })
  }
  for (const name of names) {
    const id = idOfTableName(name)
    if (id === undefined || known.has(name)) continue
    fs.remove(`${directory}/${name}`)
    next = Math.max(next, id + 1)
  }
  fs.syncDirectory(directory)
  return next
}

/** Brings what is in the log but in no table back into memory. */
const replay = (wal: Log, walFloor: number, data: StoreData, shape: LsmShape): number => {
  let lastMillis = 0
  for (const batches of wal.scan({ from: walFloor })) {
    for (const batch of batches) {
      if (batch.isControl) continue
      for (let row = batch.start; row < batch.count; row++) {
        const key = batch.key(row)
        const value = batch.isTombstone(row) ? undefined : batch.value(row)
        const bytes = key.length + (value?.length ?? 0)
        if (!data.active.fits(1, bytes)) data.rotate(new Memtable(Math.max(shape.memtableBytes, bytes)))
        lastMillis = Math.max(lastMillis, batch.timeMillis(row))
        data.active.add(key, value, batch.sequence(row), batch.timeMillis(row))
      }
    }
  }
  return lastMillis
}

const checkWal = (wal: Log, directory: string, manifest: Manifest): void => {
  const { lastSequence, walFloor } = manifest.state
  const lost = (expected: string, found: string): LsmCorrupt =>
    new LsmCorrupt({ file: `${directory}/wal`, from: 0, to: wal.bytes, expected, found })
  if (wal.firstSequence > walFloor) {
    throw lost(`the log from sequence ${walFloor} on`, `it begins at ${wal.firstSequence}`)
  }
  if (wal.nextSequence <= lastSequence) {
    throw lost(`a log up to sequence ${lastSequence}`, `it ends at ${wal.nextSequence - 1}`)
  }
}

/**
 * Opens a store to read and write, making it when it is not there; closing the scope syncs and closes it.
 *
 * Opening recovers: the manifest says which tables there are, files it does not name go, and what only the write-ahead log
 * has comes back into memory. Damage is `LsmCorrupt` and changes nothing.
 */
const open = Effect.fn("Lsm.open")(function* (
  options: LsmOptions
): Effect.fn.Return<Lsm, LsmError, Scope.Scope | ActorSystem> {
  const shape = shapeOf(options)
  if (typeof shape === "string") return yield* Effect.die(new TypeError(shape))
  const { directory, durability } = options
  const fs = yield* FileSystem
  const clock = yield* Clock.clockWith(Effect.succeed)
  const nowMillis = (): number => clock.currentTimeMillisUnsafe()
  const tablesAt = `${directory}/tables`
  yield* attempt("open", directory, () => ensureDirectory(fs, tablesAt))
  const manifest = yield* openManifest(`${directory}/manifest`, shape.manifestBytes)
  const nextTableId = new SharedArrayBuffer(4)
  new Int32Array(nextTableId)[0] = yield* attempt("open", tablesAt, () => sweepTables(fs, tablesAt, manifest))
  const counters = newCounters()
  const { archive } = options.wal ?? {}
  const copy = typeof archive === "string" ? copyTo(fs, archive) : archive
  const wal = yield* Effect.mapError(
    Log.open({
      directory: `${directory}/wal`,
      durability,
      segmentBytes: options.wal?.segmentBytes ?? shape.memtableBytes,
      ...(options.fsync === undefined ? {} : { fsync: options.fsync }),
      ...(options.wal?.segmentMillis === undefined ? {} : { segmentMillis: options.wal.segmentMillis }),
      ...(copy === undefined
        ? {}
        : {
            archive: (segment) => Effect.tap(copy(segment), () => Effect.sync(() => counters.filesArchived++))
          })
    }),
    (cause) => toLsmError("open", `${directory}/wal`, cause)
  )
  const cache = new BlockCache(shape.cacheBytes, shape.blockBytes)
  const tables = new Tables(fs, tablesAt, cache, manifest.state.version)
  yield* Effect.addFinalizer(() => Effect.sync(() => tables.close()))
  const data = new StoreData(manifest.state.version, tables, cache, new Memtable(shape.memtableBytes))
  const replayedMillis = yield* attempt("open", `${directory}/wal`, () => {
    checkWal(wal, directory, manifest)
    return replay(wal, manifest.state.walFloor, data, shape)
  })
  const inline = options.compaction === "inline" || fs !== nodeFileSystem
  const runner = inline ? Effect.succeed(inlineRunner(fs)) : workerRunner
  let maintenance: Maintenance | undefined
  const writer = new StoreWriter({
    wal,
    data,
    shape,
    durability,
    nowMillis,
    lastMillis: Math.max(replayedMillis, manifest.state.lastMillis),
    wake: Effect.suspend(() => maintenance?.wake ?? Effect.void)
  })
  const snapshots = new Map<object, number>()
  const kept = new Map<object, number>()
  maintenance = yield* startMaintenance({
    directory,
    shape,
    wal,
    manifest,
    data,
    counters,
    nextTableId,
    nowMillis,
    flushRunner: yield* runner,
    compactionRunner: yield* runner,
    snapshots: () => [...snapshots.values()].sort((a, b) => a - b),
    walKeptFrom: () => Math.min(Number.POSITIVE_INFINITY, ...kept.values()),
    writer: () => writer
  })
  const parts = { directory, fs, wal, manifest, data, cache, writer, counters, maintenance, snapshots, kept }
  const store = yield* attempt("open", directory, () => new OpenLsm(parts))
  yield* Effect.addFinalizer(() => Effect.sync(() => store.closed()))
  if (data.frozenCount > 0) yield* maintenance.wake
  return store
})

/** A log-structured key-value store in a directory of files. */
export const Lsm = {
  open,
  /** Runs a plain function that reads as an Effect: what it throws becomes a typed `LsmError`. */
  attempt: <A>(run: () => A): Effect.Effect<A, LsmError> => attempt("read", "store", run)
}
