import { pipeline } from "node:stream"
import { createGunzip } from "node:zlib"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { InputDamaged } from "./ReadError.ts"

/**
 * Decompresses a byte stream that begins with gzip's magic bytes (1f 8b) and passes any other on as it is.
 *
 * Uses Node's zlib, the one place of this package that needs Node: the web-standard `DecompressionStream` refuses files of
 * several gzip members, which tools that compress in parallel or append write. Input that is cut short, damaged or followed
 * by other bytes than zeros fails with `InputDamaged`, after what could be decompressed has been passed on.
 */
export const gunzipIfNeeded = <E, R>(
  self: Stream.Stream<Uint8Array, E, R>
): Stream.Stream<Uint8Array, E | InputDamaged, R> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const pull = yield* Stream.toPull(self)
      const head: Array<Uint8Array> = []
      let length = 0
      let ended = false
      while (length < 2 && !ended) {
        const chunk = yield* Pull.catchDone(pull, () => Effect.succeed(undefined))
        if (chunk === undefined) {
          ended = true
          break
        }
        for (const bytes of chunk) {
          head.push(bytes)
          length += bytes.length
        }
      }
      const rest: Stream.Stream<Uint8Array, E> = ended ? Stream.empty : Stream.fromPull(Effect.succeed(pull))
      const whole = Stream.concat(Stream.fromArray(head), rest)
      return isGzip(head) ? gunzip(whole) : whole
    })
  )

/** True when the bytes of `pieces` begin with gzip's magic. */
const isGzip = (pieces: ReadonlyArray<Uint8Array>): boolean => {
  const first: Array<number> = []
  for (const piece of pieces) {
    for (let i = 0; i < piece.length && first.length < 2; i++) first.push(piece[i] as number)
  }
  return first[0] === 0x1f && first[1] === 0x8b
}

const gunzip = <E, R>(
  self: Stream.Stream<Uint8Array, E, R>
): Stream.Stream<Uint8Array, E | InputDamaged, R> =>
  Stream.unwrap(
    Effect.gen(function* () {
      // A failure of `self` crosses Node's stream as a bare value: kept here to come out again as it went in.
      let failure: Cause.Cause<E> | undefined
      let bytesRead = 0
      const watched = self.pipe(
        Stream.mapArray((pieces) => {
          for (const bytes of pieces) bytesRead += bytes.length
          return pieces
        }),
        Stream.tapCause((cause) =>
          Effect.sync(() => {
            failure = cause
          })
        )
      )
      const source = yield* Stream.toAsyncIterableEffect(watched)
      // Whoever iterates the result sees every error; `pipeline` closes the source when either side ends.
      const unzipped = pipeline(source, createGunzip(), () => {})
      return Stream.fromAsyncIterable(
        unzipped as AsyncIterable<Uint8Array>,
        (cause) => new InputDamaged({ bytesRead, cause })
      ).pipe(
        Stream.catchCause(
          (cause): Stream.Stream<never, E | InputDamaged> =>
            failure === undefined ? Stream.failCause(cause) : Stream.failCause(failure)
        )
      )
    })
  )
