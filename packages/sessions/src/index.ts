export type {
  Change,
  Closed,
  Corrected,
  Late,
  Opened,
  Quarantined,
  Retracted,
  Session,
  SessionRow
} from "./Change.ts"
export * as Control from "./Control.ts"
export * as Fold from "./Fold.ts"
export * as Look from "./Look.ts"
export { sessionId } from "./SessionId.ts"
export { InvalidSpec, type SessionOptions, type SessionSpec } from "./SessionSpec.ts"
export type { Component, Counts, Entry, SessionState } from "./SessionState.ts"
export * as Sessions from "./Sessions.ts"
export * as SessionTable from "./SessionTable.ts"
export type { SessionViewOptions, ViewRecord } from "./SessionView.ts"
export { SnapshotInvalid } from "./Snapshot.ts"
export * as Watermark from "./Watermark.ts"
