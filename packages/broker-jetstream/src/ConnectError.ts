import * as Schema from "effect/Schema"

/** No server answered at any of the addresses. */
export class Unreachable extends Schema.TaggedClass<Unreachable>()("Unreachable", {
  servers: Schema.Array(Schema.String)
}) {}

/** The server does not know these credentials. */
export class Unauthorized extends Schema.TaggedClass<Unauthorized>()("Unauthorized", {}) {}

/** The server is below the floor: it would ignore fences, batches and times to live without an error. */
export class ServerTooOld extends Schema.TaggedClass<ServerTooOld>()("ServerTooOld", {
  version: Schema.String,
  /** What the server says of its JetStream API; 0 before 2.11. */
  apiLevel: Schema.Number
}) {}

/** The server runs without JetStream, this account has none, or the cluster has no leader for it. */
export class JetStreamUnavailable extends Schema.TaggedClass<JetStreamUnavailable>()(
  "JetStreamUnavailable",
  {}
) {}

/** An option of the layer is not usable. */
export class InvalidOptions extends Schema.TaggedClass<InvalidOptions>()("InvalidOptions", {}) {}

/**
 * Why `JetStream.layer` could not be built; the message says what to do about it.
 *
 * Handle one cause with `Effect.catchReason("JetStreamConnectError", "ServerTooOld", …)`.
 */
export class ConnectError extends Schema.TaggedError<ConnectError>()("JetStreamConnectError", {
  reason: Schema.Union([Unreachable, Unauthorized, ServerTooOld, JetStreamUnavailable, InvalidOptions]),
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.detail
  }
}
