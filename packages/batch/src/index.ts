export * as Archive from "./Archive.ts"
export * as Batch from "./Batch.ts"
export {
  BatchError,
  type BatchErrorReason,
  BrokerFailed,
  Damaged,
  DiskFailed,
  ExtractFailed,
  Fenced,
  Foreign,
  Missing,
  NotVerified,
  QueryFailed,
  RowMismatch
} from "./BatchError.ts"
export * as Columns from "./Columns.ts"
export * as Comparison from "./Comparison.ts"
export { Disk } from "./Disk.ts"
export * as History from "./History.ts"
export * as Lambda from "./Lambda.ts"
export * as Manifest from "./Manifest.ts"
export { manifestOf } from "./ManifestFile.ts"
export * as Proof from "./Proof.ts"
export * as Publication from "./Publication.ts"
export type { Question, Rules, Unit } from "./Question.ts"
export * as Wiring from "./Wiring.ts"
