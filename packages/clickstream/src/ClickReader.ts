/**
 * Reads clickstream files, CSV or JSON lines, plain or gzipped, as a stream of chunks of events and rejects.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ClickChunk, Rows } from "./ClickChunk.ts"
import type { ClickFormat } from "./ClickFormat.ts"
import type { CsvMapping } from "./CsvMapping.ts"
import * as CsvRows from "./CsvRows.ts"
import { gunzipIfNeeded } from "./Gzip.ts"
import * as OttoRows from "./OttoRows.ts"
import type { HeaderInvalid, InputDamaged } from "./ReadError.ts"

export type { ClickChunk } from "./ClickChunk.ts"

/** How to read. */
export interface ReadOptions {
  /** Default: told from the first line; a text whose first line is a JSON object with `session` and `events` is `otto`. */
  readonly format?: Exclude<ClickFormat, "csv">
  /** Reads any CSV by naming its columns; `format` then does not count. */
  readonly mapping?: CsvMapping
  /** First 1-based data row to give out; earlier ones are read over. Default 1. */
  readonly fromRow?: number
  /** Most rows of one chunk; default 4 096. */
  readonly rowsPerChunk?: number
}

/**
 * Reads a byte stream of CSV or JSON lines, gzipped or not (told by the first two bytes), into chunks of rows.
 *
 * Every data row comes out exactly once, as an event or as a reject that names line, column, value and reason. How the
 * bytes are cut into pieces never changes the rows. Fails with `HeaderInvalid` when the first line lacks a required
 * column or, of JSON lines, a field, with `InputDamaged` when gzip input is cut short or damaged (after the rows before the damage), and with
 * whatever the byte stream fails with. A leading byte order mark is skipped; bytes that are not UTF-8 reject their row.
 *
 * @example
 * const rows = ClickReader.read(Stream.make(new TextEncoder().encode(text)))
 */
export const read = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  options?: ReadOptions
): Stream.Stream<ClickChunk, E | HeaderInvalid | InputDamaged, R> =>
  Stream.unwrap(
    Effect.sync(() => {
      let bytesRead = 0
      const rows = makeRows(options, () => bytesRead)
      const counted = Stream.mapArray(bytes, (chunk) => {
        for (const piece of chunk) bytesRead += piece.length
        return chunk
      })
      return gunzipIfNeeded(counted).pipe(
        Stream.mapAccumArrayEffect(
          () => rows,
          (rows, pieces) => {
            const chunks: Array<ClickChunk> = []
            for (const piece of pieces) {
              const error = rows.push(piece, chunks)
              if (error !== undefined) return Effect.fail(error)
            }
            return Effect.succeed([rows, chunks] as const)
          }
        ),
        Stream.concat(
          Stream.suspend(() => {
            const chunks: Array<ClickChunk> = []
            const error = rows.end(chunks)
            return error === undefined ? Stream.fromArray(chunks) : Stream.fail(error)
          })
        )
      )
    })
  )

/** Bytes in, chunks out: decodes, and decides by the beginning of the text what it is. */
const makeRows = (options: ReadOptions | undefined, bytesRead: () => number) => {
  const decoder = new TextDecoder("utf-8")
  let rows: Rows | undefined
  const push = (text: string, into: Array<ClickChunk>): HeaderInvalid | undefined => {
    rows ??= begin(options, text, bytesRead)
    return rows?.push(text, into)
  }
  return {
    push: (piece: Uint8Array, into: Array<ClickChunk>) => push(decoder.decode(piece, { stream: true }), into),
    end: (into: Array<ClickChunk>): HeaderInvalid | undefined => {
      const error = push(decoder.decode(), into)
      // A text that never began is a CSV without a header.
      rows ??= begin(options, "-", bytesRead)
      return error ?? rows?.end(into)
    }
  }
}

/** The rows of a text that begins so; `undefined` while it is blank. */
const begin = (options: ReadOptions | undefined, text: string, bytesRead: () => number): Rows | undefined => {
  const first = text.trimStart()[0]
  if (first === undefined && options?.format === undefined && options?.mapping === undefined) return undefined
  const common = {
    fromRow: options?.fromRow ?? 1,
    rowsPerChunk: Math.max(1, options?.rowsPerChunk ?? 4096)
  }
  const otto =
    options?.mapping === undefined && (options?.format ?? (first === "{" ? "otto" : "csv")) === "otto"
  return otto
    ? OttoRows.make({ ...common, isNamed: options?.format === "otto" }, bytesRead)
    : CsvRows.make({ ...common, format: options?.format, mapping: options?.mapping }, bytesRead)
}
