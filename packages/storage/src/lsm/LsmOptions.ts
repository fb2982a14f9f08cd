import type { Durability } from "@troupe/broker"
import type * as Effect from "effect/Effect"
import type { FsyncPolicy } from "../log/GroupCommit.ts"
import type { SealedSegment } from "../log/ReadableLog.ts"

/** What old versions a store keeps for `getAsOf`. A version is kept when either bound keeps it. */
export interface HistoryOptions {
  /** The newest versions of each key; default 1: only the present one. */
  readonly versions?: number
  /** Versions that were current at any time in the last so many milliseconds; default: none for their age. */
  readonly millis?: number
}

/** What becomes of the files of the write-ahead log. */
export interface WalOptions {
  /** Bytes after which the next file begins; default: those of the memtable. */
  readonly segmentBytes?: number
  /** Age after which the next file begins; default: none. */
  readonly segmentMillis?: number
  /** How long files are kept that recovery does not need any more, for `changes` and for replicas; default 0. */
  readonly keepMillis?: number
  /** Where each file is copied before it is removed: a directory, or an Effect of your own. A failure keeps the file. */
  readonly archive?: string | ((segment: SealedSegment) => Effect.Effect<void, unknown>)
}

/** What a store is and how it is kept. */
export interface LsmOptions {
  /** Its own directory, made when it is not there. One process at a time may have it open. */
  readonly directory: string
  /**
   * What an acknowledged write survives: `memory` nothing but this process, `os` the end of the process, `disk` a power
   * cut. There is no default.
   */
  readonly durability: Durability
  /** When the write-ahead log is synced; default `always` for `disk`, `never` otherwise. */
  readonly fsync?: FsyncPolicy
  /** Old versions that `getAsOf` can answer from; default: none. */
  readonly history?: HistoryOptions
  readonly wal?: WalOptions
  /** Bytes of keys and values after which a memtable is flushed; default 16 MiB. There are two of them. */
  readonly memtableBytes?: number
  /** Bytes of the cache for data blocks; default 64 MiB. */
  readonly cacheBytes?: number
  /** Bytes of a data block; default 4 096. */
  readonly blockBytes?: number
  /** Bytes of a sorted table below level 0; default 8 MiB. */
  readonly tableBytes?: number
  /** Bytes of level 1; default four memtables. Each further level has ten times the one above. */
  readonly level1Bytes?: number
  /** Tables in level 0 at which it is compacted (default 4), writes slow down (8), and writes wait (12). */
  readonly level0?: { readonly trigger?: number; readonly slow?: number; readonly stop?: number }
  /** Bytes of manifest after which it is checkpointed; default 1 MiB. */
  readonly manifestBytes?: number
  /** Where flushes and compactions run: `worker` threads (default), or `inline` on this one. */
  readonly compaction?: "worker" | "inline"
}

/** The options with their defaults. */
export interface LsmShape {
  readonly memtableBytes: number
  readonly cacheBytes: number
  readonly blockBytes: number
  readonly tableBytes: number
  readonly level1Bytes: number
  readonly level0Trigger: number
  readonly level0Slow: number
  readonly level0Stop: number
  readonly manifestBytes: number
  readonly historyVersions: number
  readonly historyMillis: number | undefined
  readonly walKeepMillis: number
}

const MiB = 1024 * 1024

/** The shape that options ask for, or a sentence about what they get wrong. */
export const shapeOf = (options: LsmOptions): LsmShape | string => {
  const memtableBytes = options.memtableBytes ?? 16 * MiB
  const shape: LsmShape = {
    memtableBytes,
    cacheBytes: options.cacheBytes ?? 64 * MiB,
    blockBytes: options.blockBytes ?? 4096,
    tableBytes: options.tableBytes ?? 8 * MiB,
    level1Bytes: options.level1Bytes ?? 4 * memtableBytes,
    level0Trigger: options.level0?.trigger ?? 4,
    level0Slow: options.level0?.slow ?? 8,
    level0Stop: options.level0?.stop ?? 12,
    manifestBytes: options.manifestBytes ?? MiB,
    historyVersions: options.history?.versions ?? 1,
    historyMillis: options.history?.millis,
    walKeepMillis: options.wal?.keepMillis ?? 0
  }
  if (!(memtableBytes >= 256 && memtableBytes <= 1024 * MiB)) return "memtableBytes is 256 to 1 GiB"
  if (!(shape.blockBytes >= 64 && shape.blockBytes <= 64 * 1024 - 1)) return "blockBytes is 64 to 65535"
  if (!(shape.tableBytes >= 256 && shape.tableBytes <= 1024 * MiB)) return "tableBytes is 256 to 1 GiB"
  if (!(shape.level0Trigger >= 1 && shape.level0Trigger <= shape.level0Slow)) {
    return "level0.trigger is at least 1 and at most level0.slow"
  }
  if (shape.level0Slow > shape.level0Stop) return "level0.slow is at most level0.stop"
  if (!(shape.historyVersions >= 1)) return "history.versions is at least 1"
  return shape
}
