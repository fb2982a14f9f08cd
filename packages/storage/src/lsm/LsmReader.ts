import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Bytes, toBytes } from "./Bytes.ts"
import { entryFlag } from "./EntryCursor.ts"
import { attempt, type LsmError } from "./LsmError.ts"
import type { Entry, ScanCursor, ScanOptions } from "./ScanCursor.ts"
import type { Found } from "./TableReader.ts"

const streamChunk = 256

/** What a reader needs of the store. */
export interface ReaderSource {
  readonly directory: string
  readonly find: (key: Uint8Array, sequence: number) => Found | undefined
  readonly cursor: (sequence: number, options: ScanOptions) => ScanCursor
}

/**
 * Reads the store at one moment: the present for the store itself, a fixed sequence for a snapshot.
 *
 * Reads are synchronous, because the page cache answers in microseconds: the plain methods throw `LsmCorrupt` and
 * `LsmFailed`, the Effects fail with them. All bytes answered are copies.
 */
export class LsmReader {
  private readonly source: ReaderSource
  private readonly at: () => number

  constructor(source: ReaderSource, at: () => number) {
    this.source = source
    this.at = at
  }

  /** The sequence this reader reads at: of the last write it sees; 0 before the first one. */
  get sequence(): number {
    return this.at()
  }

  /** The value of a key, or `undefined`. */
  getSync(key: Bytes): Uint8Array | undefined {
    const found = this.source.find(toBytes(key), this.at())
    if (found === undefined || (found.flags & entryFlag.tombstone) !== 0) return undefined
    return found.bytes.slice(found.start, found.end)
  }

  /** True when the key has a value. */
  hasSync(key: Bytes): boolean {
    const found = this.source.find(toBytes(key), this.at())
    return found !== undefined && (found.flags & entryFlag.tombstone) === 0
  }

  /** The value of a key, or `undefined`; answers at once. */
  get(key: Bytes): Effect.Effect<Uint8Array | undefined, LsmError> {
    return attempt("read", this.source.directory, () => this.getSync(key))
  }

  /** True when the key has a value. */
  has(key: Bytes): Effect.Effect<boolean, LsmError> {
    return attempt("read", this.source.directory, () => this.hasSync(key))
  }

  /** The values of keys, in their order, all at one moment. */
  getMany(keys: ReadonlyArray<Bytes>): Effect.Effect<ReadonlyArray<Uint8Array | undefined>, LsmError> {
    return attempt("read", this.source.directory, () => keys.map((key) => this.getSync(key)))
  }

  /** Entries of a range in the order of their keys, seen at this moment however long the loop takes. */
  *scan(options: ScanOptions = {}): Generator<Entry, void, void> {
    const cursor = this.cursor(options)
    try {
      for (let entry = cursor.next(); entry !== undefined; entry = cursor.next()) yield entry
    } finally {
      cursor.close()
    }
  }

  /** The same as an object that can also `seek`; call `close` when it is not read to its end. */
  cursor(options: ScanOptions = {}): ScanCursor {
    return this.source.cursor(this.at(), options)
  }

  /** The same as a stream. */
  stream(options: ScanOptions = {}): Stream.Stream<Entry, LsmError> {
    const { directory } = this.source
    return Stream.unwrap(
      Effect.map(
        Effect.acquireRelease(
          attempt("read", directory, () => this.cursor(options)),
          (cursor) => Effect.sync(() => cursor.close())
        ),
        (cursor) =>
          Stream.paginate(undefined, () =>
            attempt("read", directory, () => {
              const chunk: Array<Entry> = []
              for (let n = 0; n < streamChunk; n++) {
                const entry = cursor.next()
                if (entry === undefined) return [chunk, Option.none<undefined>()] as const
                chunk.push(entry)
              }
              return [chunk, Option.some(undefined)] as const
            })
          )
      )
    )
  }
}
