/** Rows of a topic's log: what a record and a removal are in the log's columns, and back. */
import type { TopicRecord } from "@troupe/broker"
import { type Removal, recordBytes, type StoredRecord, type TopicIndex } from "@troupe/broker/backend"
import type { BatchView, LogRecord } from "@troupe/storage/log"
import { decodeExtras, encodeExtras } from "./RecordExtras.ts"

const noHeaders = Object.freeze({})
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** A record as the log keeps it. */
export const toLogRecord = (record: StoredRecord): LogRecord => {
  const extras = encodeExtras({
    messageId: record.messageId,
    ttlMillis: record.ttlMillis,
    headers: record.headers,
    rollup: record.rollup,
    schedule: record.schedule,
    fires: record.fires
  })
  return {
    value: record.data,
    timeMillis: record.timeMillis,
    subject: record.subject,
    headers: extras.bytes,
    mark: extras.mark
  }
}

/** What readers see of a row; its data is a view of the chunk. */
export const toTopicRecord = (batch: BatchView, row: number): TopicRecord => {
  const mark = batch.mark(row)
  const sequence = batch.sequence(row)
  const subject = batch.subject(row) ?? ""
  const timeMillis = batch.timeMillis(row)
  const data = batch.value(row)
  if (mark === 0) return { sequence, subject, timeMillis, headers: noHeaders, data }
  const { headers, messageId, schedule } = decodeExtras(mark, batch.headers(row))
  const record: TopicRecord =
    messageId === undefined
      ? { sequence, subject, timeMillis, headers, data }
      : { sequence, subject, timeMillis, headers, data, messageId }
  return schedule === undefined ? record : { ...record, schedule }
}

/** A removal as a control note between the records. */
export const toControlNote = (removal: Removal): LogRecord => ({
  value: utf8.encode(JSON.stringify(removal)),
  timeMillis: removal.timeMillis
})

/** Feeds the index the records of a batch, each at its own time. */
export const feedRecords = (index: TopicIndex, batch: BatchView): void => {
  for (let row = 0; row < batch.count; row++) {
    const timeMillis = batch.timeMillis(row)
    const { fires, headers, messageId, rollup, schedule, ttlMillis } = decodeExtras(
      batch.mark(row),
      batch.headers(row)
    )
    const subject = batch.subject(row) ?? ""
    const data = batch.value(row)
    index.expire(timeMillis)
    index.append({
      sequence: batch.sequence(row),
      subject,
      timeMillis,
      bytes: recordBytes({ subject, data, headers, messageId }),
      messageId,
      ttlMillis,
      rollup,
      atMillis: schedule?.atMillis,
      fires
    })
  }
}

/** Feeds the index the removals of a control batch: what had expired then has expired before them again. */
export const feedRemovals = (index: TopicIndex, batch: BatchView): void => {
  for (let row = 0; row < batch.count; row++) {
    const removal = JSON.parse(text.decode(batch.value(row))) as Removal
    index.expire(removal.timeMillis)
    if (removal.kind === "delete") index.remove(removal.sequence)
    else index.purge(removal.range)
  }
}
