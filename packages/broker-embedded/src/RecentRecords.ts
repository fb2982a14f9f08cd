import type { TopicRecord } from "@troupe/broker"
import { RecordCopies, type StoredRecord } from "@troupe/broker/backend"

const recordsMax = 4_096
const bytesMax = 2 * 1024 * 1024

/**
 * The last records that were appended, for readers that keep up: they need no file.
 *
 * At most 4 096 records and 2 MiB of data.
 */
export class RecentRecords {
  private readonly records = new Map<number, TopicRecord>()
  private readonly copies = new RecordCopies()
  private oldest = 0
  private bytes = 0

  get(sequence: number): TopicRecord | undefined {
    return this.records.get(sequence)
  }

  /** Sequences come in order, without gaps. */
  add(record: StoredRecord): void {
    if (record.data.length > bytesMax) return
    if (this.records.size === 0) this.oldest = record.sequence
    this.records.set(record.sequence, this.copies.copy(record))
    this.bytes += record.data.length
    while (this.records.size > recordsMax || this.bytes > bytesMax) {
      this.bytes -= this.records.get(this.oldest)?.data.length ?? 0
      this.records.delete(this.oldest++)
    }
  }
}
