export * as Alias from "./Alias.ts"
export {
  AliasError,
  type AliasErrorReason,
  AliasMoved,
  AliasUnreadable,
  AlreadyCurrent,
  Behind,
  NothingBefore,
  NotProven,
  UnknownAlias
} from "./AliasError.ts"
export * as CanonicalJson from "./CanonicalJson.ts"
export * as ChunkLaw from "./ChunkLaw.ts"
export * as Codec from "./Codec.ts"
export type { Commit } from "./Commit.ts"
export * as Explain from "./Explain.ts"
export * as LatencyWindow from "./LatencyWindow.ts"
export * as Outputs from "./Outputs.ts"
export type { Progress } from "./Progress.ts"
export type { SnapshotUse } from "./Recovery.ts"
export * as Replay from "./Replay.ts"
export type { PartitionStatus, RunningView } from "./RunningView.ts"
export type { RunningServing } from "./Serving.ts"
export * as Serving from "./Serving.ts"
export * as Table from "./Table.ts"
export * as TableDiff from "./TableDiff.ts"
export * as TableDigest from "./TableDigest.ts"
export * as Throttle from "./Throttle.ts"
export * as View from "./View.ts"
export {
  BrokerFailed,
  Fenced,
  FoldFailed,
  Foreign,
  InputMissing,
  NoSuchPartition,
  NotAnOutput,
  NotDeterministic,
  OutputsReplaced,
  OutputTooLarge,
  Stopped,
  ViewError,
  type ViewErrorReason
} from "./ViewError.ts"
export * as Views from "./Views.ts"
