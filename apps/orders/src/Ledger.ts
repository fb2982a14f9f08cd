import { Broker, type BrokerError, TypedTopic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** One line of a ledger: what was done for whom, and for how much. */
export const Entry = Schema.Struct({
  lane: Schema.Literals(["sync", "queued"]),
  /** The shopper's reference of the cart. */
  reference: Schema.String,
  /** `charge`, `refund`, `reserve`, `release` or `ship`. */
  kind: Schema.Literals(["charge", "refund", "reserve", "release", "ship"]),
  amountCents: Schema.Int
})
export type Entry = typeof Entry.Type

/** A service's own book: entries are appended and never changed. */
export interface Ledger {
  /**
   * Enters a line under `key` once: a second line under the same key changes nothing and answers `false`.
   * The book itself refuses the second one (expected last sequence 0), so two writers cannot both succeed.
   */
  readonly enterOnce: (key: ReadonlyArray<string>, entry: Entry) => Effect.Effect<boolean, BrokerError>
  readonly entries: Stream.Stream<Entry, BrokerError | TypedTopic.UndecodableRecord>
}

const transient = Schedule.min([Schedule.exponential("20 millis"), Schedule.spaced("500 millis")])

/** Opens a service's book, a topic of the broker. */
export const open = Effect.fnUntraced(function* (
  name: string
): Effect.fn.Return<Ledger, BrokerError, Broker> {
  const broker = yield* Broker
  const book = TypedTopic.json(yield* broker.topic({ name }), Entry)
  return {
    enterOnce: (key, entry) =>
      book.append({ subject: key.join("."), value: entry, messageId: key.join("."), expectLast: 0 }).pipe(
        Effect.catchTag("SchemaError", Effect.die),
        Effect.retry({ schedule: transient, times: 20, while: (error) => error.isTransient }),
        Effect.map(({ duplicate }) => !duplicate),
        Effect.catchReason("BrokerError", "Conflict", () => Effect.succeed(false))
      ),
    entries: book.read({ from: "first" }).pipe(Stream.map((record) => record.value))
  }
})
