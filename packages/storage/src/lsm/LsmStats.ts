/** Counts of a store; those of work done begin at 0 when it is opened. */
export interface LsmStats {
  /** Tables and bytes of each level, from 0 down. */
  readonly levels: ReadonlyArray<{ readonly tables: number; readonly bytes: number }>
  /** Bytes of sorted tables, write-ahead log and manifest. */
  readonly bytesOnDisk: number
  readonly tableBytes: number
  readonly walBytes: number
  /** Bytes of keys and values in memory that no table has yet. */
  readonly memoryBytes: number
  /** Entries in tables, old versions and deletes too. */
  readonly entries: number
  readonly tombstones: number
  readonly flushes: number
  readonly compactions: number
  /** Compactions that only moved tables to the level below. */
  readonly moves: number
  /** Files that were ended because they were full: tables, and files of the write-ahead log. */
  readonly filesRolled: number
  readonly filesArchived: number
  /** Attempts to archive that failed; the file stays and is tried again after the next flush. */
  readonly archiveFailures: number
  readonly filesDeleted: number
  /** Bytes of keys and values that flushes and compactions left out. */
  readonly reclaimedBytes: number
  /** Versions that they left out, and deletes that went together with the put they were for. */
  readonly droppedVersions: number
  readonly droppedPairs: number
  readonly cacheHits: number
  readonly cacheMisses: number
}

/** The counts that the store itself keeps. */
export interface LsmCounters {
  flushes: number
  compactions: number
  moves: number
  tablesMade: number
  filesArchived: number
  archiveFailures: number
  walFilesDeleted: number
  tablesDeleted: number
  reclaimedBytes: number
  droppedVersions: number
  droppedPairs: number
}

/** Counters at 0. */
export const newCounters = (): LsmCounters => ({
  flushes: 0,
  compactions: 0,
  moves: 0,
  tablesMade: 0,
  filesArchived: 0,
  archiveFailures: 0,
  walFilesDeleted: 0,
  tablesDeleted: 0,
  reclaimedBytes: 0,
  droppedVersions: 0,
  droppedPairs: 0
})
