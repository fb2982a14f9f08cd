import type { LogRecord } from "./LogRecord.ts"

/** Largest batch there can be, in bytes: what positions and lengths of 32 bits leave room for, and more than anyone should use. */
const batchBytesMax: number = 1 << 30

/** Room that records take together, and the span of their times. */
export interface RecordsRoom {
  readonly values: number
  readonly keys: number
  readonly headers: number
  readonly earliest: number
  readonly latest: number
}

/** Throws `RangeError` for a time, mark or size that no record can have. */
export const checkRecord = (record: LogRecord): void => {
  const time = record.timeMillis
  if (!(time >= 0 && time <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`not a time: ${time}`)
  const { mark } = record
  if (mark !== undefined && !(mark >= 0 && mark < 16 && Number.isInteger(mark)))
    throw new RangeError(`a mark is 0 to 15, not ${mark}`)
  if (record.value.length > batchBytesMax / 2) throw new RangeError("a record must be smaller than 512 MiB")
}

/** What the records of one batch need; throws `RangeError` when one of them cannot be, or all of them not in one batch. */
export const roomFor = (records: ReadonlyArray<LogRecord>): RecordsRoom => {
  let values = 0
  let keys = 0
  let headers = 0
  let earliest = Number.POSITIVE_INFINITY
  let latest = Number.NEGATIVE_INFINITY
  for (const record of records) {
    checkRecord(record)
    const { headers: ofIt, key, timeMillis } = record
    values += record.value.length
    if (key !== undefined) keys += key.length
    if (ofIt !== undefined) headers += ofIt.length
    if (timeMillis < earliest) earliest = timeMillis
    if (timeMillis > latest) latest = timeMillis
  }
  if (latest - earliest > 0xffff_ffff)
    throw new RangeError("the records of one batch must lie within 49 days")
  if (values + keys + headers > batchBytesMax / 2)
    throw new RangeError("a batch must be smaller than 512 MiB")
  return { values, keys, headers, earliest, latest }
}
