import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** The port cannot be listened on. */
export class PortUnavailable extends Schema.TaggedError<PortUnavailable>()("PortUnavailable", {
  port: Schema.Int,
  detail: Schema.String
}) {
  override get message() {
    return `Cannot listen on 127.0.0.1:${this.port}: ${this.detail}. Name another port with --port, or 0 for a free one.`
  }
}

/** An HTTP server on 127.0.0.1; port 0 takes a free one. */
export const onLoopback = (port: number) =>
  NodeHttpServer.layer(createServer, { host: "127.0.0.1", port }).pipe(
    Layer.catchTag("ServeError", ({ cause }) =>
      Layer.effectContext<Layer.Success<ReturnType<typeof NodeHttpServer.layer>>, PortUnavailable, never>(
        Effect.fail(
          new PortUnavailable({ port, detail: cause instanceof Error ? cause.message : String(cause) })
        )
      )
    )
  )
