/**
 * Reads clickstream CSV files, plain or gzipped, as a stream of chunks of events and rejects.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ClickEvent } from "./ClickEvent.ts"
import * as ClickFormat from "./ClickFormat.ts"
import * as CsvRecords from "./CsvRecords.ts"
import { gunzipIfNeeded } from "./Gzip.ts"
import type { HeaderInvalid, InputDamaged } from "./ReadError.ts"
import type { Reject } from "./Reject.ts"

/** Some consecutive rows of a source. */
export interface ClickChunk {
  readonly format: ClickFormat.ClickFormat
  /** The rows that are events, in row order. */
  readonly events: ReadonlyArray<ClickEvent>
  /** The rows that are not, in row order. */
  readonly rejects: ReadonlyArray<Reject>
  /** The last row of this chunk, 1-based; `fromRow: lastRow + 1` goes on after it. */
  readonly lastRow: number
  /** Bytes of the source (compressed, if it is) taken in so far: for a progress bar. */
  readonly bytesRead: number
}

/** How to read. */
export interface ReadOptions {
  /** Default: told from the header. */
  readonly format?: ClickFormat.ClickFormat
  /** First 1-based data row to give out; earlier ones are read over. Default 1. */
  readonly fromRow?: number
  /** Most rows of one chunk; default 4 096. */
  readonly rowsPerChunk?: number
}

const valueLength = 200

/**
 * Reads a byte stream of CSV, gzipped or not (told by the first two bytes), into chunks of rows.
 *
 * Every data row comes out exactly once, as an event or as a reject that names line, column, value and reason. How the
 * bytes are cut into pieces never changes the rows. Fails with `HeaderInvalid` when the first line lacks a required
 * column, with `InputDamaged` when gzip input is cut short or damaged (after the rows before the damage), and with
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

/** The rows of one source: bytes in, chunks out. */
const makeRows = (options: ReadOptions | undefined, bytesRead: () => number) => {
  const fromRow = options?.fromRow ?? 1
  const rowsPerChunk = Math.max(1, options?.rowsPerChunk ?? 4096)
  const decoder = new TextDecoder("utf-8")
  const csv = CsvRecords.make()
  let format: ClickFormat.ClickFormat | undefined = options?.format
  let readRow: ClickFormat.RowReader | undefined
  let row = 0
  // Set by the first replacement character: from then on every row is looked at for one.
  let replaced = false

  const mapRecord = (record: CsvRecords.CsvRecord, events: Array<ClickEvent>, rejects: Array<Reject>) => {
    row++
    if (row < fromRow) return
    const result = faultOf(record, replaced) ?? (readRow as ClickFormat.RowReader)(record.fields, row)
    if (!ClickFormat.isFault(result)) {
      events.push(result)
      return
    }
    rejects.push({
      row,
      line: record.line,
      column: result.column,
      value: result.value.slice(0, valueLength),
      reason: result.reason
    })
  }

  const take = (records: ReadonlyArray<CsvRecords.CsvRecord>, into: Array<ClickChunk>) => {
    let next = 0
    if (readRow === undefined) {
      const header = records[0]
      if (header === undefined) return undefined
      const names = header.fields.map((name) => name.trim())
      format ??= ClickFormat.detect(names)
      const error = ClickFormat.checkHeader(format, names, header.line)
      if (error !== undefined) return error
      readRow = ClickFormat.rowReader(format, names)
      next = 1
    }
    while (next < records.length) {
      const events: Array<ClickEvent> = []
      const rejects: Array<Reject> = []
      const stop = Math.min(records.length, next + rowsPerChunk)
      for (; next < stop; next++) mapRecord(records[next] as CsvRecords.CsvRecord, events, rejects)
      if (row >= fromRow) {
        into.push({
          format: format as ClickFormat.ClickFormat,
          events,
          rejects,
          lastRow: row,
          bytesRead: bytesRead()
        })
      }
    }
    return undefined
  }

  const text = (value: string): string => {
    if (!replaced && value.includes("\uFFFD")) replaced = true
    return value
  }

  return {
    push: (piece: Uint8Array, into: Array<ClickChunk>): HeaderInvalid | undefined => {
      const records: Array<CsvRecords.CsvRecord> = []
      csv.push(text(decoder.decode(piece, { stream: true })), records)
      return take(records, into)
    },
    end: (into: Array<ClickChunk>): HeaderInvalid | undefined => {
      const records: Array<CsvRecords.CsvRecord> = []
      csv.push(text(decoder.decode()), records)
      csv.end(records)
      const error = take(records, into)
      if (error !== undefined || readRow !== undefined) return error
      const wanted = options?.format ?? "coveo"
      return ClickFormat.checkHeader(wanted, [], 1)
    }
  }
}

/** What is wrong with a record before its columns are looked at. */
const faultOf = (record: CsvRecords.CsvRecord, replaced: boolean): ClickFormat.RowFault | undefined => {
  if (record.fault !== undefined) {
    return { column: "(row)", value: record.fields[0] ?? "", reason: record.fault }
  }
  if (!replaced || !record.fields.some((field) => field.includes("\uFFFD"))) return undefined
  return { column: "(row)", value: record.fields.join(","), reason: "holds bytes that are not UTF-8" }
}
