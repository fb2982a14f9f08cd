import { type ClickChunk, notUtf8, type Rows, valueLength } from "./ClickChunk.ts"
import type { ClickEvent } from "./ClickEvent.ts"
import * as ClickFormat from "./ClickFormat.ts"
import * as CsvMapping from "./CsvMapping.ts"
import * as CsvRecords from "./CsvRecords.ts"
import type { Reject } from "./Reject.ts"

/** How to read a CSV text. */
interface CsvOptions {
  readonly format: ClickFormat.ClickFormat | undefined
  readonly mapping: CsvMapping.CsvMapping | undefined
  readonly fromRow: number
  readonly rowsPerChunk: number
}

/** The rows of a CSV text with a header. */
export const make = (options: CsvOptions, bytesRead: () => number): Rows => {
  const { fromRow, mapping, rowsPerChunk } = options
  const csv = CsvRecords.make()
  let format: ClickFormat.ClickFormat | undefined = mapping === undefined ? options.format : "csv"
  let readRow: ClickFormat.RowReader | undefined
  let row = 0
  // Set by the first replacement character: from then on every row is looked at for one.
  let replaced = false

  const check = (wanted: ClickFormat.ClickFormat, names: ReadonlyArray<string>, line: number) =>
    mapping === undefined
      ? ClickFormat.checkHeader(wanted, names, line)
      : CsvMapping.checkHeader(mapping, names, line)

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
      const error = check(format, names, header.line)
      if (error !== undefined) return error
      readRow =
        mapping === undefined ? ClickFormat.rowReader(format, names) : CsvMapping.rowReader(mapping, names)
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

  return {
    push: (text, into) => {
      if (!replaced && text.includes("\uFFFD")) replaced = true
      const records: Array<CsvRecords.CsvRecord> = []
      csv.push(text, records)
      return take(records, into)
    },
    end: (into) => {
      const records: Array<CsvRecords.CsvRecord> = []
      csv.end(records)
      const error = take(records, into)
      return error !== undefined || readRow !== undefined ? error : check(format ?? "coveo", [], 1)
    }
  }
}

/** What is wrong with a record before its columns are looked at. */
const faultOf = (record: CsvRecords.CsvRecord, replaced: boolean): ClickFormat.RowFault | undefined => {
  if (record.fault !== undefined) {
    return { column: "(row)", value: record.fields[0] ?? "", reason: record.fault }
  }
  if (!replaced || !record.fields.some((field) => field.includes("\uFFFD"))) return undefined
  return { column: "(row)", value: record.fields.join(","), reason: notUtf8 }
}
