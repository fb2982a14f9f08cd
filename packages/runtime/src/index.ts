export * as Actor from "./Actor.ts"
export { ActorContext, type LifeOf, type TimersOf } from "./ActorContext.ts"
export type { ActorRef, AnyRef } from "./ActorRef.ts"
export { ActorSystem, type Census, type Counters } from "./ActorSystem.ts"
export {
  AskError,
  type AskErrorReason,
  Dropped,
  Parked,
  Stopped,
  Timeout,
  Unhosted
} from "./AskError.ts"
export type { DeadLetter, DeadLetterReason } from "./DeadLetter.ts"
export type { EventClass } from "./EventBus.ts"
export * as EventSourced from "./EventSourced.ts"
export * as EventStream from "./EventStream.ts"
export * as Inspection from "./Inspection.ts"
export {
  type History,
  Journal,
  type JournalEntry,
  type JournaledCommand,
  type JournalSnapshot
} from "./Journal.ts"
export {
  JournalConflict,
  JournalDamaged,
  JournalError,
  type JournalErrorReason,
  JournalRejected,
  JournalUnavailable,
  JournalUnknown
} from "./JournalError.ts"
export * as Mailbox from "./Mailbox.ts"
export * as Message from "./Message.ts"
export type { HandlerTable, Registration } from "./Registration.ts"
export * as Router from "./Router.ts"
export * as Supervision from "./Supervision.ts"
export * as Telemetry from "./Telemetry.ts"
export type { Handling, Tracing } from "./Tracing.ts"
