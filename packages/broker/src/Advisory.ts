import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Effect from "effect/Effect"
import type { BrokerError } from "./BrokerError.ts"

/** What became of a record that its subscription gave up. */
export type Advisory =
  /** Its `maxDeliver` deliveries are used up. */
  | {
      readonly _tag: "Exhausted"
      readonly subscription: string
      readonly sequence: number
      /** How often it was delivered. */
      readonly attempts: number
      /** When the broker gave it up, in whole milliseconds since 1970 (UTC). */
      readonly timeMillis: number
    }
  /** A handler rejected it. */
  | {
      readonly _tag: "Rejected"
      readonly subscription: string
      readonly sequence: number
      /** Which of its deliveries was rejected, from 1. */
      readonly attempt: number
      /** As given to `reject`: in one line, without space around it, its first 1 000 UTF-16 units. */
      readonly reason: string
      /** When the broker had it, in whole milliseconds since 1970 (UTC). */
      readonly timeMillis: number
    }
  /** Some were not heard here: the reader took too slowly, or its connection was lost. `info.exhausted` has those that count. */
  | { readonly _tag: "Missed" }

/** Hands out what one listener heard (`Topic.advisories`). */
export interface AdvisoryReader {
  /** Waits for at least one advisory and answers at most `max` (≥ 1), in the order in which they were heard; interruption loses none. */
  readonly take: (max: number) => Effect.Effect<NonEmptyReadonlyArray<Advisory>, BrokerError>
}
