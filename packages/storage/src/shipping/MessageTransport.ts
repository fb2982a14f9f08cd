import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { inProcess, type Transport } from "./Transport.ts"

/** A frame between two processes or threads, as the channel carries it. */
export const ShippingMessage = Schema.Struct({
  shipping: Schema.Literals(["toPrimary", "toReplica"]),
  /** The replica it comes from or goes to. */
  replica: Schema.String,
  frame: Schema.Uint8Array
})

/** A frame between two processes or threads. */
export type ShippingMessage = typeof ShippingMessage.Type

/** One end of a channel that carries objects with bytes: a child process forked with `serialization: "advanced"`, a worker. */
export interface MessageEnd {
  readonly post: (message: ShippingMessage) => void
  /** Calls `receive` for whatever comes; answers how to stop. */
  readonly listen: (receive: (message: unknown) => void) => () => void
}

const isMessage = Schema.is(ShippingMessage)

/**
 * A transport between two processes or threads. Each end may hold the primary, replicas, or both; other messages on the channel
 * are left alone.
 */
export const overMessages = Effect.fn("Transport.overMessages")(function* (end: MessageEnd) {
  const here = inProcess()
  const local = new Set<string>()
  const context = yield* Effect.context<never>()
  const run = Effect.runForkWith(context)
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      end.listen((message) => {
        if (!isMessage(message)) return
        const { frame, replica } = message
        run(
          message.shipping === "toPrimary" ? here.toPrimary(replica, frame) : here.toReplica(replica, frame)
        )
      })
    ),
    (stop) => Effect.sync(stop)
  )
  const transport: Transport = {
    onPrimary: here.onPrimary,
    onReplica: (name, receive) =>
      Effect.andThen(
        Effect.acquireRelease(
          Effect.sync(() => local.add(name)),
          () => Effect.sync(() => local.delete(name))
        ),
        here.onReplica(name, receive)
      ),
    toReplica: (replica, frame) =>
      local.has(replica)
        ? here.toReplica(replica, frame)
        : Effect.sync(() => end.post({ shipping: "toReplica", replica, frame })),
    toPrimary: (replica, frame) =>
      Effect.andThen(
        here.toPrimary(replica, frame),
        Effect.sync(() => end.post({ shipping: "toPrimary", replica, frame }))
      )
  }
  return transport
})
