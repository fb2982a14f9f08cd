import type { Durability } from "@troupe/broker"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { FileSystem } from "../disk/FileSystem.ts"
import { ensureDirectory } from "../disk/WholeFile.ts"
import type { FsyncPolicy } from "./GroupCommit.ts"
import { attempt as attemptAt } from "./LogAttempt.ts"
import { type LogError, LogFailed } from "./LogError.ts"
import { keep } from "./LogKeeping.ts"
import { LogWriter } from "./LogWriter.ts"
import { OpenLog } from "./OpenLog.ts"
import { OpenReadOnlyLog } from "./OpenReadOnlyLog.ts"
import type { ReadOnlyLog, SealedSegment, WritableLog } from "./ReadableLog.ts"
import { recoverLog } from "./Recovery.ts"
import { type Repair, repairLog } from "./Repair.ts"

/** What a log is and how it is written. */
export interface LogOptions {
  /** Its own directory, made when it is not there. One process at a time may have it open to write. */
  readonly directory: string
  /**
   * What an acknowledged record survives: `memory` nothing but this process, `os` the end of the process, `disk` a
   * power cut. There is no default.
   */
  readonly durability: Durability
  /**
   * When written bytes are synced. `always`: as soon as the one sync before is done, which groups by itself;
   * `intervalMillis`: at most that late; `never`: only full segments and on close. Class `disk` needs one of the first two,
   * and its acknowledgements wait for it. Default: `always` for `disk`, `never` otherwise.
   */
  readonly fsync?: FsyncPolicy
  /** Bytes after which the next segment begins; default 64 MiB, at most 1 GiB. */
  readonly segmentBytes?: number
  /** Age after which the next segment begins, by the times of the records; default: none. */
  readonly segmentMillis?: number
  /** Bytes of values after which a batch is written without waiting for the turn to end; default 1 MiB. */
  readonly batchBytes?: number
  /** Records after which it is; default 8 192. */
  readonly batchRecords?: number
  /** How long an open batch waits for more before it is written; default 0: until the end of the turn. */
  readonly lingerMillis?: number
  /**
   * The most by which the last segment's file grows ahead of what is written, in zeroes that take no space yet; a sync is about
   * a third cheaper for it. Default: 4 MiB where writes are synced, 0 with `fsync: "never"`. Closing takes them off.
   */
  readonly preallocateBytes?: number
  /** Bytes between two entries of a segment's index; default 32 KiB. */
  readonly indexBytes?: number
  /**
   * What to do about damage to synced bytes, which opening refuses without it: move it aside and go on with a gap, or fetch
   * the range from a replica. Opening then reads every byte there is; `log.recovery.repaired` says what was done.
   */
  readonly repair?: Repair
  /** Gets each full segment before retention removes it; when it fails the segment stays and `retain` fails. */
  readonly archive?: (segment: SealedSegment) => Effect.Effect<void, unknown>
}

/** An open log. */
export type Log = WritableLog

const indexBytesDefault = 32 * 1024
const heapBytes = 256 * 1024
const preallocateBytesDefault = 4 * 1024 * 1024
const segmentBytesMax = 1024 * 1024 * 1024

const mistakeIn = (options: LogOptions): string | undefined => {
  const { batchBytes = 1, batchRecords = 1, segmentBytes = 1, fsync } = options
  if (options.durability === "disk" && fsync === "never")
    return 'durability "disk" needs fsync "always" or an interval'
  if (!(segmentBytes >= 1 && segmentBytes <= segmentBytesMax))
    return `segmentBytes is 1 to ${segmentBytesMax}`
  if (!(batchBytes >= 1 && batchBytes <= segmentBytesMax / 4)) return "batchBytes is 1 to 256 MiB"
  if (!((options.preallocateBytes ?? 0) >= 0)) return "preallocateBytes is at least 0"
  if (!((options.indexBytes ?? 1) >= 1)) return "indexBytes is at least 1"
  if (!(batchRecords >= 1 && batchRecords <= 1 << 20)) return "batchRecords is 1 to 1048576"
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1)
    return "a big-endian machine cannot map the columns"
  return undefined
}

const opened = new WeakMap<FileSystem, Set<string>>()

/** Two writers in one process would overwrite each other: the second is told. Other processes are for the owner's lock. */
const claim = (fs: FileSystem, directory: string): Effect.Effect<unknown, LogFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const held = opened.get(fs) ?? new Set()
      opened.set(fs, held)
      if (held.has(directory))
        return Effect.fail(new LogFailed({ operation: "open", file: directory, code: "EBUSY" }))
      return Effect.sync(() => held.add(directory))
    }),
    () => Effect.sync(() => opened.get(fs)?.delete(directory))
  )

/**
 * Opens a log to write and read, making it when it is not there; closing the scope writes, syncs and closes it.
 *
 * Opening recovers: a torn or reordered unsynced end is cut (`log.recovery` says what), damage below the synced line is
 * `LogCorrupt` and changes nothing, unless `repair` says what to do about it.
 */
const open = Effect.fn("Log.open")(function* (
  options: LogOptions
): Effect.fn.Return<Log, LogError, Scope.Scope> {
  const mistake = mistakeIn(options)
  if (mistake !== undefined) return yield* Effect.die(new TypeError(mistake))
  const { directory, durability, indexBytes: indexSpacing = indexBytesDefault } = options
  const fs = yield* FileSystem
  yield* claim(fs, directory)
  const nowMillis = yield* Clock.currentTimeMillis
  const logId = {
    low: yield* Random.nextIntBetween(0, 0xffff_ffff),
    high: yield* Random.nextIntBetween(0, 0xffff_ffff)
  }
  const repaired =
    options.repair === undefined ? [] : yield* repairLog(fs, directory, indexSpacing, options.repair)
  const fsync = options.fsync ?? (durability === "disk" ? "always" : "never")
  const log = yield* Effect.acquireRelease(
    attemptAt("open", directory, () => {
      ensureDirectory(fs, directory)
      const { segments, state, report } = recoverLog(fs, directory, indexSpacing, repaired)
      const shape = {
        directory,
        segmentBytes: options.segmentBytes ?? 64 * 1024 * 1024,
        segmentMillis: options.segmentMillis ?? Number.POSITIVE_INFINITY,
        room: {
          records: options.batchRecords ?? 8192,
          valueBytes: options.batchBytes ?? 1024 * 1024,
          heapBytes: Math.min(heapBytes, options.batchBytes ?? heapBytes)
        },
        indexSpacing,
        preallocateBytes: options.preallocateBytes ?? (fsync === "never" ? 0 : preallocateBytesDefault)
      }
      return new OpenLog({
        fs,
        directory,
        writer: new LogWriter(fs, shape, segments, logId, nowMillis, state),
        recovery: report,
        durability,
        fsync,
        segmentBytes: shape.segmentBytes,
        indexSpacing,
        archive: options.archive
      })
    }),
    (acquired) => acquired.close
  )
  log.keptBy(yield* keep(log, directory, fsync, options.lingerMillis ?? 0))
  return log
})

/**
 * Opens a log to read what is in it, without changing a byte: for another process, also while its writer goes on
 * (`refresh` takes in what came), and for a damaged log, which is readable up to the damage.
 */
const openReadOnly = Effect.fn("Log.openReadOnly")(function* (options: {
  readonly directory: string
}): Effect.fn.Return<ReadOnlyLog, LogError, Scope.Scope> {
  const fs = yield* FileSystem
  const { directory } = options
  return yield* Effect.acquireRelease(
    attemptAt("open", directory, () => new OpenReadOnlyLog(fs, directory, indexBytesDefault)),
    (log) => Effect.sync(() => log.close())
  )
})

/** A segmented append-only log in a directory of files. */
export const Log = {
  open,
  openReadOnly,
  /** Runs a plain function that reads or appends as an Effect: what it throws becomes a typed `LogError`. */
  attempt: <A>(run: () => A): Effect.Effect<A, LogError> => attemptAt("use", "log", run)
}
