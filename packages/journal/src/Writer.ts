import type { AppendRequest, BrokerError, Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

/** Tries of one append over about three seconds; then the caller is told. */
const patience = Schedule.min([Schedule.exponential("20 millis"), Schedule.spaced("500 millis")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 10 })
)

/** An append that failed for good, and whether the record may be stored all the same. */
export interface Refused {
  readonly error: BrokerError
  readonly uncertain: boolean
}

/** Appends with patience: what is repeated carries the same message id, so it is stored at most once. */
export interface Writer {
  readonly append: (topic: Topic, request: AppendRequest) => Effect.Effect<number, Refused>
  /** An id that no other save or append has. */
  readonly nextId: Effect.Effect<string>
}

/** Starts a writer with an identity of its own. */
export const makeWriter: Effect.Effect<Writer> = Effect.gen(function* () {
  // Not from `Random`: two processes with one seed would share ids, and the other's append would look like this one's.
  const identity = yield* Effect.sync(() => crypto.randomUUID())
  let count = 0
  const nextId = Effect.sync(() => `${identity}-${++count}`)
  return {
    nextId,
    append: (topic, request) =>
      Effect.gen(function* () {
        const messageId = yield* nextId
        let uncertain = false
        const appended = yield* topic.append({ ...request, messageId }).pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (error.reason._tag === "Unknown" || error.reason._tag === "StorageFailed") uncertain = true
            })
          ),
          Effect.retry({ schedule: patience, while: (error) => error.isTransient }),
          Effect.mapError((error): Refused => ({ error, uncertain }))
        )
        return appended.sequence
      })
  }
})
