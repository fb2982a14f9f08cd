import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { BrokerError } from "./BrokerError.ts"
import type { KeyValue } from "./KeyValue.ts"

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** A lease that is held: a key with a time to live, whose value names who holds it. */
export interface Lease {
  /** Renews until it cannot: ends at the first conflict, or when the lease ran out without an answer. */
  readonly keep: Effect.Effect<void, BrokerError>
}

const soon = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("1 second")]).pipe(
  Schedule.jittered
)

/** Repeats while the broker cannot answer. */
export const persistently = <A>(effect: Effect.Effect<A, BrokerError>): Effect.Effect<A, BrokerError> =>
  Effect.retry(effect, { while: (error) => error.isTransient, schedule: soon })

/**
 * Takes the lease at `key` if nobody holds it; the scope gives it back. Renewed by compare-and-set each third of its time:
 * whoever finds another revision than its own has lost it.
 *
 * An answer that was lost (`Unknown`) is no loss: the key is read, and with this holder's `value` it is still held. Given back, a
 * key is marked as deleted, or with `isPassing` left empty for a second: keys that nobody takes again must not stay.
 */
export const take = Effect.fnUntraced(function* (
  store: KeyValue,
  key: string,
  options: { readonly value: string; readonly ttlMillis: number; readonly isPassing?: boolean }
): Effect.fn.Return<Option.Option<Lease>, BrokerError, Scope.Scope> {
  const { isPassing = false, ttlMillis, value } = options
  const scope = yield* Effect.scope
  const bytes = utf8.encode(value)
  const ttl = Duration.millis(ttlMillis)
  let revision = 0
  let since = 0

  /** Takes note of the revision under which the key is ours, if it is. */
  const written = (write: Effect.Effect<number, BrokerError>): Effect.Effect<boolean, BrokerError> =>
    Effect.gen(function* () {
      const asked = yield* Clock.currentTimeMillis
      const found = yield* Effect.map(write, Option.some).pipe(
        Effect.catchReason("BrokerError", "Conflict", () => held)
      )
      if (Option.isNone(found)) return false
      revision = found.value
      since = asked
      return true
    })
  const held = Effect.map(store.get(key), (found) =>
    Option.isSome(found) && text.decode(found.value.value) === value
      ? Option.some(found.value.revision)
      : Option.none()
  )

  const give = Effect.suspend(() =>
    isPassing
      ? store.update(key, new Uint8Array(0), revision, { ttl: "1 second" })
      : store.delete(key, { revision })
  )
  const release = give.pipe(
    // A renewal whose answer nobody waited for.
    Effect.catchReason("BrokerError", "Conflict", () =>
      Effect.flatMap(held, (found) => {
        if (Option.isNone(found)) return Effect.succeed(0)
        revision = found.value
        return give
      })
    ),
    Effect.ignore({ log: "Debug" })
  )

  // In one piece with what gives it back; between two tries it can be interrupted.
  const taken = yield* persistently(
    Effect.uninterruptible(
      Effect.tap(written(store.create(key, bytes, { ttl })), (isHeld) =>
        isHeld ? Scope.addFinalizer(scope, release) : Effect.void
      )
    )
  )
  if (!taken) return Option.none()

  const renew = Effect.gen(function* () {
    const update = Effect.suspend(() => store.update(key, bytes, revision, { ttl }))
    const left = since + ttlMillis - (yield* Clock.currentTimeMillis)
    const renewed = yield* Effect.timeoutOption(persistently(written(update)), Math.max(0, left))
    return Option.getOrElse(renewed, () => false)
  })
  return Option.some({
    keep: renew.pipe(Effect.delay(ttlMillis / 3), Effect.repeat({ while: (isHeld) => isHeld }), Effect.asVoid)
  })
})
