import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { FileSystem } from "../disk/FileSystem.ts"
import type { BatchView } from "../log/BatchView.ts"
import type { Log } from "../log/Log.ts"
import { type AsOf, valueAsOf } from "./AsOf.ts"
import type { BlockCache } from "./BlockCache.ts"
import { type Bytes, toBytes } from "./Bytes.ts"
import { attempt, HistoryGone, type LsmError, LsmFailed, toLsmError } from "./LsmError.ts"
import { LsmReader, type ReaderSource } from "./LsmReader.ts"
import type { LsmCounters, LsmStats } from "./LsmStats.ts"
import type { Maintenance } from "./Maintenance.ts"
import type { Manifest } from "./Manifest.ts"
import { MergeCursor } from "./MergeCursor.ts"
import { ScanCursor } from "./ScanCursor.ts"
import type { StoreData } from "./StoreData.ts"
import type { LsmWrite, StoreWriter } from "./StoreWriter.ts"
import { bytesOf, tablesOf } from "./Version.ts"

/** What an open store is made of. */
export interface OpenLsmParts {
  readonly directory: string
  readonly fs: FileSystem
  readonly wal: Log
  readonly manifest: Manifest
  readonly data: StoreData
  readonly cache: BlockCache
  readonly writer: StoreWriter
  readonly counters: LsmCounters
  readonly maintenance: Maintenance
  readonly snapshots: Map<object, number>
  readonly kept: Map<object, number>
}

/** A reader that stays at one sequence for as long as its scope is open. */
export type Snapshot = LsmReader

/** One change as the write-ahead log has it. */
export interface LsmChange {
  readonly sequence: number
  readonly timeMillis: number
  readonly key: Uint8Array
  /** `undefined` when the key was deleted. */
  readonly value: Uint8Array | undefined
}

const changesIn = (batch: BatchView): ReadonlyArray<LsmChange> => {
  const out: Array<LsmChange> = []
  for (let row = batch.start; row < batch.count; row++) {
    out.push({
      sequence: batch.sequence(row),
      timeMillis: batch.timeMillis(row),
      key: batch.key(row).slice(),
      value: batch.isTombstone(row) ? undefined : batch.value(row).slice()
    })
  }
  return out
}

/** Holds files of the write-ahead log back from removal. */
export interface WalHold {
  /** Moves the first sequence that is still needed. */
  readonly from: (sequence: number) => void
}

/** The store as `Lsm.open` answers it. Its reads see the last write that holds the durability class. */
export class OpenLsm extends LsmReader {
  private readonly parts: OpenLsmParts
  private readonly readerSource: ReaderSource
  private readonly walFilesAtOpen: number

  constructor(parts: OpenLsmParts) {
    const { data, directory, writer } = parts
    const gate = { closed: false }
    const check = (): void => {
      if (gate.closed) throw new LsmFailed({ operation: "read", file: directory, code: "CLOSED" })
    }
    const source: ReaderSource = {
      directory,
      find: (key, sequence) => {
        check()
        return data.find(key, sequence)
      },
      cursor: (sequence, options) => {
        check()
        const { reverse = false } = options
        return new ScanCursor(
          new MergeCursor(data.sources(reverse), reverse),
          sequence,
          options,
          data.tables.pin(data.version)
        )
      }
    }
    super(source, () => writer.visible)
    this.parts = parts
    this.readerSource = source
    this.close = () => {
      gate.closed = true
    }
    this.walFilesAtOpen = this.walFiles()
  }

  private readonly close: () => void

  /** Sets a key; answers the write's sequence once it holds the durability class. */
  put(key: Bytes, value: Bytes): Effect.Effect<number, LsmError> {
    return this.parts.writer.write([{ type: "put", key, value }])
  }

  /** Deletes a key, whether it is there or not. */
  delete(key: Bytes): Effect.Effect<number, LsmError> {
    return this.parts.writer.write([{ type: "delete", key }])
  }

  /**
   * Writes a batch, all or nothing, in this order; answers the sequence of its last change once it holds the durability
   * class. All writers of one moment share one batch of the log and one sync.
   */
  write(batch: ReadonlyArray<LsmWrite>): Effect.Effect<number, LsmError> {
    return this.parts.writer.write(batch)
  }

  /** A reader of the present that stays where it is until its scope closes; no compaction takes from it. */
  get snapshot(): Effect.Effect<Snapshot, never, Scope.Scope> {
    const { snapshots } = this.parts
    return Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const held = { sequence: this.sequence }
          snapshots.set(held, held.sequence)
          return held
        }),
        (held) => Effect.sync(() => snapshots.delete(held))
      ),
      (held) => new LsmReader(this.readerSource, () => held.sequence)
    )
  }

  /**
   * What a key was after the write with a sequence, or at a time: its value, or `undefined` when it had none. Exact, or
   * `HistoryGone` when that is not known any more; how far back it goes is `history` of the options.
   */
  getAsOf(key: Bytes, at: AsOf): Effect.Effect<Uint8Array | undefined, LsmError | HistoryGone> {
    const { data, directory, manifest } = this.parts
    return attempt("read", directory, () => {
      const source = new MergeCursor(data.sources(false), false)
      return valueAsOf(source, toBytes(key), at, this.sequence, manifest.state)
    }).pipe(
      Effect.flatMap((value) =>
        value === "gone"
          ? Effect.fail(
              new HistoryGone({
                asked:
                  "sequence" in at
                    ? `sequence ${at.sequence}`
                    : `time ${new Date(at.timeMillis).toISOString()}`
              })
            )
          : Effect.succeed(value)
      )
    )
  }

  /**
   * Every change from a sequence on, for ever, in order: into an empty store they make the same store. Fails with
   * `HistoryGone` when the write-ahead log does not go back that far (`wal.keepMillis`).
   */
  changes(from = 1): Stream.Stream<LsmChange, LsmError | HistoryGone> {
    const { directory, wal } = this.parts
    const begin: Effect.Effect<void, HistoryGone> = Effect.suspend(() =>
      from < wal.firstSequence ? Effect.fail(new HistoryGone({ asked: `sequence ${from}` })) : Effect.void
    )
    return Stream.unwrap(
      Effect.as(
        begin,
        wal.follow(from).pipe(
          Stream.mapError((cause) => toLsmError("read", `${directory}/wal`, cause)),
          Stream.map(changesIn),
          Stream.flattenIterable
        )
      )
    )
  }

  /**
   * The write-ahead log, to read and to ship (`Primary.make({ log: store.wal })`, class `disk`). Each record is one change;
   * its sequence is the change's. Only the store appends to it.
   */
  get wal(): Log {
    return this.parts.wal
  }

  /** Keeps the files of the write-ahead log that have `sequence` or later, until the scope closes: a replica's slot. */
  holdWal(sequence: number): Effect.Effect<WalHold, never, Scope.Scope> {
    const { kept } = this.parts
    return Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const key = {}
          kept.set(key, sequence)
          return key
        }),
        (key) => Effect.sync(() => kept.delete(key))
      ),
      (key) => ({ from: (next) => void kept.set(key, next) })
    )
  }

  /** Writes everything that is in memory into a sorted table. */
  get flush(): Effect.Effect<void, LsmError> {
    const { maintenance, writer } = this.parts
    return Effect.suspend(() => {
      if (writer.failure !== undefined) return Effect.fail(writer.failure)
      writer.rotate()
      return maintenance.flush
    })
  }

  /** Flushes, and merges all tables into one level: nothing is left on disk that nobody can ask for. */
  get compact(): Effect.Effect<void, LsmError> {
    return Effect.andThen(
      this.flush,
      Effect.suspend(() => this.parts.maintenance.compact)
    )
  }

  /** Archives and removes the files of the write-ahead log that are not needed any more; also done after each flush. */
  get retain(): Effect.Effect<void, LsmError> {
    return Effect.suspend(() => this.parts.maintenance.retain)
  }

  /** What the store holds and has done. Throws `LsmFailed` when the disk cannot list the log's files. */
  get stats(): LsmStats {
    const { cache, counters, data, manifest, wal } = this.parts
    const { version } = data
    const tables = tablesOf(version)
    const tableBytes = bytesOf(tables)
    return {
      levels: version.levels.map((level) => ({ tables: level.length, bytes: bytesOf(level) })),
      bytesOnDisk: tableBytes + wal.bytes + manifest.bytes,
      tableBytes,
      walBytes: wal.bytes,
      memoryBytes: data.memoryBytes,
      entries: tables.reduce((sum, table) => sum + table.entries, 0),
      tombstones: tables.reduce((sum, table) => sum + table.tombstones, 0),
      flushes: counters.flushes,
      compactions: counters.compactions,
      moves: counters.moves,
      filesRolled: counters.tablesMade + counters.walFilesDeleted + this.walFiles() - this.walFilesAtOpen,
      filesArchived: counters.filesArchived,
      archiveFailures: counters.archiveFailures,
      filesDeleted: counters.walFilesDeleted + counters.tablesDeleted,
      reclaimedBytes: counters.reclaimedBytes,
      droppedVersions: counters.droppedVersions,
      droppedPairs: counters.droppedPairs,
      cacheHits: cache.hits,
      cacheMisses: cache.misses
    }
  }

  /** Bytes of keys and values that a scan of the present sees; reads everything. */
  get liveBytes(): Effect.Effect<number, LsmError> {
    return Stream.runFold(
      this.stream(),
      () => 0,
      (sum, { key, value }) => sum + key.length + value.length
    )
  }

  /** For the scope that opened it. */
  closed(): void {
    const { directory, writer } = this.parts
    writer.fail(new LsmFailed({ operation: "write", file: directory, code: "CLOSED" }))
    this.close()
  }

  private walFiles(): number {
    const { directory, fs } = this.parts
    const wal = `${directory}/wal`
    try {
      return (fs.list(wal) ?? []).filter((name) => name.endsWith(".log")).length
    } catch (cause) {
      throw toLsmError("list", wal, cause)
    }
  }
}
