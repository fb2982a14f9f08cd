import { JetStreamApiError, JetStreamError } from "@nats-io/jetstream"
import { errors } from "@nats-io/transport-node"
import {
  BrokerError,
  type BrokerErrorReason,
  Busy,
  NotFound,
  Rejected,
  StorageFailed,
  Unavailable,
  Unknown
} from "@troupe/broker"
import * as Effect from "effect/Effect"
import type { Silence } from "./ReplyWindow.ts"

/** A refusal as the server states it. */
export interface ApiRefusal {
  readonly code: number
  readonly err_code: number
  readonly description: string
}

const unavailable = "Nothing was stored: retry with backoff."

const noRecord = [
  new NotFound({ what: "record" }),
  "There is no record at that sequence (any more)."
] as const

/** What each refusal means to a caller. Source: `server/errors.json` of nats-server 2.15. */
const reasons: Readonly<Record<number, readonly [BrokerErrorReason, remedy: string]>> = {
  10014: [new NotFound({ what: "subscription" }), "Open the subscription again."],
  10037: noRecord,
  10043: noRecord,
  10059: [new NotFound({ what: "topic" }), "Open the topic again."],
  10054: [new Rejected({ cause: "size" }), "Split the record or store its data elsewhere."],
  10097: [new Rejected({ cause: "size" }), "Headers take at most 64 KiB: move them into the data."],
  10158: [new Busy(), "The same messageId is in flight: retry after a short random wait."],
  10164: [new Busy(), "Another write to the same check is in flight: retry after a short random wait."],
  10176: [new Unavailable(), unavailable],
  10199: [new Rejected({ cause: "count" }), "Append at most 1 000 records in one call."],
  10201: [new Rejected({ cause: "duplicate" }), "An id was appended before: nothing of this call is stored."],
  10111: [
    new Rejected({ cause: "argument" }),
    "JetStream cannot roll up a subject that the same call wrote earlier: use two calls."
  ]
}

/** Codes that wrap whatever the store said: only the text tells a limit or an absent record from a failure. */
const storeRefusal = (description: string): readonly [BrokerErrorReason, remedy: string] =>
  /EOF|no message found|message deleted/.test(description)
    ? noRecord
    : /maximum (messages|bytes)( per subject)? exceeded/.test(description)
      ? [new Rejected({ cause: "limit" }), "The topic is full: remove records, or raise its limits."]
      : [new StorageFailed(), "The server could not store it: look at its disk and its log."]

/** True when nobody serves what was asked: the client reports it as "jetstream is not enabled", whatever it was. */
export const hasNoResponders = (cause: unknown): boolean =>
  cause instanceof Error && cause.cause instanceof errors.RequestError && cause.cause.isNoResponders()

/** True when the server says that the stream or the consumer is not there. */
export const isAbsent = (cause: unknown): boolean =>
  cause instanceof JetStreamApiError && (cause.code === 10014 || cause.code === 10059)

/** True when the server says that no message matches: the client fails a batch of none so, instead of ending it. */
export const isNoMessage = (cause: unknown): boolean =>
  cause instanceof JetStreamError && "code" in cause && cause.code === 404

/** A refusal as the port's error. */
export const refused = (operation: string, refusal: ApiRefusal): BrokerError => {
  const known =
    refusal.err_code === 10077 || refusal.err_code === 10057
      ? storeRefusal(refusal.description)
      : reasons[refusal.err_code]
  const [reason, remedy] = known ?? [
    refusal.code >= 500 ? new Unavailable() : new Rejected({ cause: "argument" }),
    refusal.code >= 500 ? unavailable : "The request is not valid on this server."
  ]
  return new BrokerError({
    operation,
    reason,
    detail: `NATS says "${refusal.description}" (${refusal.err_code}). ${remedy}`
  })
}

const details: Readonly<Record<Silence, string>> = {
  unsent: `Not connected to NATS. ${unavailable}`,
  unanswered: "NATS did not answer: it may or may not be stored. Retry with the same messageId.",
  noResponders: `Nobody serves this topic just now (no leader yet, or JetStream is starting). ${unavailable}`,
  refused: "It is larger than the server takes (max_payload): split it or store its data elsewhere."
}

/** A request that changes something and has no answer. */
export const silent = (operation: string, silence: Silence, cause?: unknown): BrokerError =>
  new BrokerError({
    operation,
    reason:
      silence === "unanswered"
        ? new Unknown()
        : silence === "refused"
          ? new Rejected({ cause: "size" })
          : new Unavailable(),
    detail: details[silence],
    ...(cause === undefined ? {} : { cause })
  })

/** A request that only asks and has no answer: there is nothing to be in doubt about. */
export const unread = (operation: string, cause?: unknown): BrokerError =>
  new BrokerError({
    operation,
    reason: new Unavailable(),
    detail: "NATS did not answer (no leader just now, or the connection is down). Retry with backoff.",
    ...(cause === undefined ? {} : { cause })
  })

/** The port's error for what a call of the client threw. `changes`: an answer that did not come leaves doubt. */
export const thrown = (operation: string, changes: boolean, cause: unknown): BrokerError => {
  if (cause instanceof JetStreamApiError) return refused(operation, cause.apiError())
  if (hasNoResponders(cause)) return silent(operation, "noResponders", cause)
  if (!changes || cause instanceof errors.ClosedConnectionError) return unread(operation, cause)
  return silent(operation, "unanswered", cause)
}

/** A call of the client that asks something. */
export const asking = <A>(operation: string, call: () => Promise<A>): Effect.Effect<A, BrokerError> =>
  Effect.tryPromise({ try: call, catch: (cause) => thrown(operation, false, cause) })

/** A call of the client that changes something. */
export const changing = <A>(operation: string, call: () => Promise<A>): Effect.Effect<A, BrokerError> =>
  Effect.tryPromise({ try: call, catch: (cause) => thrown(operation, true, cause) })
