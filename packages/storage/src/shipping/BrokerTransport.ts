import { Broker, type BrokerError, Subject, type Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { frameAt, frameKind } from "./Frame.ts"
import { ShippingError, TransportFailed } from "./ShippingError.ts"
import type { Transport } from "./Transport.ts"

/** The topics a log is shipped over. */
export interface BrokerTransportOptions {
  /** What the topics are named after: `<log>-data`, `<log>-ack` and `<log>-control`. */
  readonly log: string
  /** Bytes that each topic keeps at most; default 64 MiB. What is dropped before it is read is sent again. */
  readonly maxBytes?: number
}

const everyone = "primary"

/**
 * Ships over a broker: pieces on `<log>-data`, answers on `<log>-ack`, hellos, welcomes and fences on `<log>-control`, each on
 * the subject of its replica. The topics carry, they do not keep: one minute, and at most `maxBytes`.
 */
export const overBroker = Effect.fn("Transport.overBroker")(function* (
  options: BrokerTransportOptions
): Effect.fn.Return<Transport, BrokerError, Broker> {
  const broker = yield* Broker
  const limits = { maxAge: "1 minute", maxBytes: options.maxBytes ?? 64 * 1024 * 1024 } as const
  const topic = (name: string) => broker.topic({ name: `${options.log}-${name}`, limits })
  const data = yield* topic("data")
  const ack = yield* topic("ack")
  const control = yield* topic("control")

  const failed = (operation: string) => (cause: unknown) =>
    new ShippingError({ operation, reason: new TransportFailed({ cause }) })
  const topicOf = (frame: Uint8Array, down: boolean): Topic => {
    const kind = frame[frameAt.header.kind]
    if (kind === frameKind.bytes) return data
    return kind === frameKind.ack && !down ? ack : control
  }
  const put = (to: Topic, subject: string, frame: Uint8Array) =>
    Effect.mapError(Effect.asVoid(to.append({ subject, data: frame })), failed(`send over ${to.name}`))

  /** Calls `receive` for each record that comes from now on, until the scope closes. */
  const listen = Effect.fnUntraced(function* (
    from: Topic,
    filter: string,
    receive: (subject: string, frame: Uint8Array) => Effect.Effect<void>
  ): Effect.fn.Return<void, ShippingError, Scope.Scope> {
    const { lastSequence } = yield* Effect.mapError(from.info, failed(`listen to ${from.name}`))
    let next = lastSequence + 1
    const run = Stream.unwrap(Effect.sync(() => from.follow({ from: next, filters: [filter] }))).pipe(
      Stream.runForEach((record) => {
        next = record.sequence + 1
        return receive(record.subject, record.data)
      })
    )
    // A broker that is away for a while is a transport that loses frames: the protocol asks again.
    yield* run.pipe(
      Effect.catch(() => Effect.sleep("100 millis")),
      Effect.forever,
      Effect.forkScoped
    )
  })
  const subjectOf = (name: string): string => Subject.encodeToken(name)
  const nameIn = (subject: string): string => Subject.decodeToken(subject.slice(subject.indexOf(".") + 1))

  return {
    onPrimary: (receive) =>
      Effect.forEach(
        [ack, control],
        (each) => listen(each, `${everyone}.*`, (subject, frame) => receive(nameIn(subject), frame)),
        { discard: true }
      ),
    onReplica: (name, receive) =>
      Effect.forEach(
        [data, control],
        (each) => listen(each, `replica.${subjectOf(name)}`, (_, frame) => receive(frame)),
        { discard: true }
      ),
    toReplica: (name, frame) => put(topicOf(frame, true), `replica.${subjectOf(name)}`, frame),
    toPrimary: (from, frame) => put(topicOf(frame, false), `${everyone}.${subjectOf(from)}`, frame)
  }
})
