import * as Schema from "effect/Schema"

/** There is no nats-server this project can use here. The message says, in two lines, why and how to get one. */
export class NatsServerMissing extends Schema.TaggedError<NatsServerMissing>()("NatsServerMissing", {
  /** Why the last place looked at did not serve. */
  reason: Schema.String
}) {
  override get message() {
    return [
      `No nats-server 2.14 or newer: ${this.reason}`,
      "Get one: `brew install nats-server` · `docker run -p 4222:4222 nats:2 -js` (then NATS_URL=nats://127.0.0.1:4222) · `go install github.com/nats-io/nats-server/v2@latest` · a GitHub release of nats-io/nats-server (then NATS_SERVER=<path>)"
    ].join("\n")
  }
}

/** A nats-server was found and would not start, or did not become healthy in time. */
export class NatsServerFailed extends Schema.TaggedError<NatsServerFailed>()("NatsServerFailed", {
  reason: Schema.String,
  /** The last lines of the server's own log. */
  log: Schema.String
}) {
  override get message() {
    return `nats-server did not start: ${this.reason}${this.log === "" ? "" : `\n${this.log}`}`
  }
}
