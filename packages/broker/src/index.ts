export type { Advisory, AdvisoryReader } from "./Advisory.ts"
export { Broker } from "./Broker.ts"
export {
  BrokerError,
  type BrokerErrorReason,
  Busy,
  Conflict,
  NotFound,
  Rejected,
  SpecMismatch,
  StorageFailed,
  Unavailable,
  Unknown
} from "./BrokerError.ts"
export * as Consumer from "./Consumer.ts"
export type { Durability } from "./Durability.ts"
export { type Fault, type FaultRates, type Faults, seededFaults, withFaults } from "./Faults.ts"
export { type JsonCodec, jsonCodec } from "./JsonCodec.ts"
export * as KeyValue from "./KeyValue.ts"
export { layerMemory, layerMemoryWith } from "./MemoryBroker.ts"
export * as Ownership from "./Ownership.ts"
export { OwnershipLost } from "./OwnershipLost.ts"
export * as PartitionedConsumer from "./PartitionedConsumer.ts"
export * as Partitions from "./Partitions.ts"
export * as Subject from "./Subject.ts"
export type {
  Delivery,
  Reader,
  Subscription,
  SubscriptionInfo,
  SubscriptionSpec,
  SubscriptionStart
} from "./Subscription.ts"
export type {
  Appended,
  AppendRequest,
  ReadFrom,
  ReadOptions,
  ScheduledAppend,
  Topic,
  TopicInfo,
  TopicLimits,
  TopicSpec
} from "./Topic.ts"
export type { Headers, RecordSchedule, TopicRecord } from "./TopicRecord.ts"
export * as TypedTopic from "./TypedTopic.ts"
