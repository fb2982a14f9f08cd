import type { Msg } from "@nats-io/transport-node"
import type { AdvisoryReader, BrokerError, Topic } from "@troupe/broker"
import { AdvisoryInbox, badListening, notFoundError, rejectedError } from "@troupe/broker/backend"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { asking, unread } from "./ApiFailure.ts"
import type { Connection } from "./Connection.ts"
import { deletedSubject, noticeSubject, type Place, rejectedSubject } from "./StreamLayout.ts"

/** What NATS tells of a record that a consumer gave up. Source: `server/jetstream_events.go` of nats-server 2.14. */
interface Notice {
  readonly timestamp: string
  readonly consumer: string
  readonly stream_seq: number
  readonly deliveries: number
  readonly reason?: string
}

/** NATS ends the deliveries of a record that was removed as if somebody had rejected it, for these reasons of its own. */
const removals: ReadonlySet<string> = new Set([
  "Message deleted by stream limits",
  "Unacknowledged message was deleted"
])

/**
 * The notices of a topic's consumers as they are published: core messages, so only who listens gets them. The client
 * subscribes again by itself after it lost the connection; what was published meanwhile is missed.
 */
export const open = (
  connection: Connection,
  place: Place,
  options: Parameters<Topic["advisories"]>[0]
): Effect.Effect<AdvisoryReader, BrokerError, Scope.Scope> =>
  Effect.gen(function* () {
    const operation = `advisories of ${place.topic}`
    const bad = badListening(options?.subscription, operation)
    if (bad !== undefined) return yield* bad
    if (connection.nats.isClosed()) return yield* unread(operation)
    const listening = yield* Effect.acquireRelease(
      Effect.sync(() => listen(connection, place, options?.subscription ?? "*", operation)),
      ({ close }) => Effect.sync(close)
    )
    // One connection is served in order: who gets this answer is subscribed.
    yield* asking(operation, () => connection.manager.streams.info(place.stream))
    return listening.inbox
  })

const listen = ({ link, nats }: Connection, place: Place, subscription: string, operation: string) => {
  const inbox = new AdvisoryInbox(operation)
  const on = (subject: string, receive: (message: Msg) => void) =>
    nats.subscribe(subject, {
      callback: (error, message) => (error === null ? receive(message) : inbox.fail(forbidden(operation)))
    })
  const subscriptions = [
    on(noticeSubject(place, subscription), (message) => {
      const notice = message.json<Notice>()
      inbox.offer({ _tag: "Exhausted", ...common(notice), attempts: notice.deliveries })
    }),
    on(rejectedSubject(place, subscription), (message) => {
      const notice = message.json<Notice>()
      const { deliveries: attempt, reason = "" } = notice
      if (removals.has(reason)) return
      inbox.offer({ _tag: "Rejected", ...common(notice), attempt, reason })
    }),
    on(deletedSubject(place), () =>
      inbox.fail(
        notFoundError("topic", operation, `Topic ${place.topic} was deleted: open it again to make it anew.`)
      )
    )
  ]
  const unlisten = link.listen({
    up: () => inbox.offer({ _tag: "Missed" }),
    down: () => {},
    closed: () => inbox.fail(unread(operation))
  })
  return {
    inbox,
    close: () => {
      unlisten()
      for (const one of subscriptions) if (!one.isClosed()) one.unsubscribe()
      inbox.close()
    }
  }
}

const common = ({ consumer, stream_seq, timestamp }: Notice) => ({
  subscription: consumer,
  sequence: stream_seq,
  timeMillis: Date.parse(timestamp)
})

const forbidden = (operation: string): BrokerError =>
  rejectedError(
    "argument",
    operation,
    "NATS lets this user not listen: permit it to subscribe to $JS.EVENT.ADVISORY.CONSUMER.> and $JS.EVENT.ADVISORY.STREAM.DELETED.>."
  )
