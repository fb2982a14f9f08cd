export type { LogPoint } from "./log/LogPoint.ts"
export * as Ack from "./shipping/Ack.ts"
export * as Archive from "./shipping/Archive.ts"
export { type BrokerTransportOptions, overBroker } from "./shipping/BrokerTransport.ts"
export * as Lease from "./shipping/Lease.ts"
export type { LostTail } from "./shipping/LogTail.ts"
export { type MessageEnd, overMessages, ShippingMessage } from "./shipping/MessageTransport.ts"
export { Primary, type PrimaryOptions, type ReplicaStatus } from "./shipping/Primary.ts"
export { type Promoted, type PromotionOptions, promote } from "./shipping/Promotion.ts"
export {
  type FencedReplica,
  type PromoteOptions,
  Replica,
  type ReplicaOptions,
  type ReplicaReport
} from "./shipping/Replica.ts"
export { type Restored, type RestoreOptions, restore } from "./shipping/Restore.ts"
export { ShippingError, type ShippingErrorReason } from "./shipping/ShippingError.ts"
export { inProcess, type Transport } from "./shipping/Transport.ts"
export {
  asEvents,
  asWal,
  type EventReading,
  type WalOperation,
  type WalReading
} from "./shipping/WalReading.ts"
