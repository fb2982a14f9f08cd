export {
  ConnectError,
  InvalidOptions,
  JetStreamUnavailable,
  ServerTooOld,
  Unauthorized,
  Unreachable
} from "./ConnectError.ts"
export * as JetStream from "./JetStream.ts"
