export * as CanonicalJson from "./CanonicalJson.ts"
export * as ChunkLaw from "./ChunkLaw.ts"
export * as Codec from "./Codec.ts"
export * as Table from "./Table.ts"
export * as TableDiff from "./TableDiff.ts"
export * as TableDigest from "./TableDigest.ts"
export * as View from "./View.ts"
export {
  BrokerFailed,
  Fenced,
  FoldFailed,
  Foreign,
  InputMissing,
  NotAnOutput,
  NotDeterministic,
  OutputTooLarge,
  Stopped,
  ViewError,
  type ViewErrorReason
} from "./ViewError.ts"
