/**
 * Event-time gap sessions: `define` says what a session is, `batch` answers the truth, `step` keeps up with a log and
 * agrees with it.
 */
export { batch } from "./Batch.ts"
export { define, make } from "./SessionSpec.ts"
export { initial } from "./SessionState.ts"
export { changes } from "./SessionStream.ts"
export { view } from "./SessionView.ts"
export { codec } from "./Snapshot.ts"
export { end, step } from "./Step.ts"
