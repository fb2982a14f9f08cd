import type { TopicRecord } from "../TopicRecord.ts"
import type { StoredRecord } from "./AppendPlan.ts"

const slabBytes = 64 * 1024

/**
 * Makes copies of records that no caller can change any more: a caller may use its buffer again.
 *
 * Small data share slabs of 64 KiB, which costs a tenth of a buffer each; a slab lives as long as one of its records.
 */
export class RecordCopies {
  private slab = new Uint8Array(0)
  private used = 0

  /** What readers see of a stored record. */
  copy(record: StoredRecord): TopicRecord {
    const { headers, messageId, sequence, subject, timeMillis } = record
    const data = this.copyBytes(record.data)
    const kept = { ...headers }
    const copied: TopicRecord =
      messageId === undefined
        ? { sequence, subject, timeMillis, headers: kept, data }
        : { sequence, subject, timeMillis, headers: kept, data, messageId }
    return record.schedule === undefined ? copied : { ...copied, schedule: record.schedule }
  }

  private copyBytes(data: Uint8Array): Uint8Array {
    const { length } = data
    if (length > slabBytes / 8) return data.slice()
    if (this.used + length > this.slab.length) {
      this.slab = new Uint8Array(slabBytes)
      this.used = 0
    }
    const copy = this.slab.subarray(this.used, this.used + length)
    copy.set(data)
    this.used += length
    return copy
  }
}
