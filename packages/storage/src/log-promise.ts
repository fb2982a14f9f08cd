export type { Compacted } from "./log/Compaction.ts"
export { LogCorrupt, type LogError, LogFailed, LogUnsupported } from "./log/LogError.ts"
export type { LogRecord } from "./log/LogRecord.ts"
export {
  openLog,
  openLogReadOnly,
  type PromiseLog,
  type PromiseLogOptions,
  type PromiseReadOnlyLog
} from "./log/PromiseLog.ts"
export { SubjectFilter } from "./log/SubjectFilter.ts"
