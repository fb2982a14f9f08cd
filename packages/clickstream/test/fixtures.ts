import { readFileSync } from "node:fs"
import * as Arr from "effect/Array"
import * as Stream from "effect/Stream"

/** A fixture's bytes. */
export const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`fixtures/${name}`, import.meta.url))

/** Bytes as a stream of pieces of the given length. */
export const inPieces = (bytes: Uint8Array, length: number): Stream.Stream<Uint8Array> =>
  Stream.fromIterable(
    Arr.makeBy(Math.max(1, Math.ceil(bytes.length / length)), (i) =>
      bytes.slice(i * length, (i + 1) * length)
    ),
    { chunkSize: 1 }
  )

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
