/** What backends on local storage share: the pure cores, and the broker over any `LocalStorage`. */
export { AdvisoryInbox } from "./backend/AdvisoryInbox.ts"
export {
  type Candidate,
  groupRecordsMax,
  malformed,
  planAppend,
  type Refusal,
  type StoredRecord,
  type StoredSchedule,
  type Verdict
} from "./backend/AppendPlan.ts"
export {
  mismatchError,
  notFoundError,
  refusalError,
  rejectedError
} from "./backend/BrokerFailure.ts"
export { DeadlineHeap } from "./backend/DeadlineHeap.ts"
export { makeLocalBroker } from "./backend/LocalBroker.ts"
export {
  type LocalStorage,
  type OpenedTopic,
  type Removal,
  type StoreEvents,
  StoreFailure,
  type SubscriptionLog,
  type SubscriptionStore,
  type TopicStore
} from "./backend/LocalStorage.ts"
export { MessageIds } from "./backend/MessageIds.ts"
export {
  badFilters,
  badListening,
  badStart,
  readRequest,
  readScheduled,
  readSubscriptionSpec,
  readTopicSpec,
  updateSubscriptionSpec
} from "./backend/ReadSpec.ts"
export { recordBytes } from "./backend/RecordBytes.ts"
export { RecordCopies } from "./backend/RecordCopies.ts"
export { rejectReason } from "./backend/RejectReason.ts"
export {
  differingSubscription,
  type SubscriptionSettings,
  type SubscriptionSnapshot
} from "./backend/SubscriptionSettings.ts"
export { type Handed, type SubscriptionJournal, SubscriptionState } from "./backend/SubscriptionState.ts"
export { TopicCursor } from "./backend/TopicCursor.ts"
export { type IndexedRecord, type PurgeRange, TopicIndex } from "./backend/TopicIndex.ts"
export type { TopicSettings } from "./backend/TopicSettings.ts"
