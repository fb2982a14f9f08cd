export { BatchView } from "./log/BatchView.ts"
export type { Compacted } from "./log/Compaction.ts"
export type { FsyncPolicy } from "./log/GroupCommit.ts"
export { Log, type LogOptions } from "./log/Log.ts"
export { LogCorrupt, type LogError, LogFailed, LogUnsupported } from "./log/LogError.ts"
export type { LogPoint } from "./log/LogPoint.ts"
export type { LogRecord } from "./log/LogRecord.ts"
export type { RawLog } from "./log/RawLog.ts"
export type {
  CompactOptions,
  ReadableLog,
  ReadOnlyLog,
  RecordAt,
  Retained,
  RetentionBounds,
  SealedSegment,
  WritableLog
} from "./log/ReadableLog.ts"
export type { RecoveryReport } from "./log/Recovery.ts"
export { type DamagedRange, fetchFrom, type Repair, type Repaired } from "./log/Repair.ts"
export { SubjectFilter } from "./log/SubjectFilter.ts"
