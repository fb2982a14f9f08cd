import { createHash } from "node:crypto"
import type { TopicRecord } from "@troupe/broker"

/** How many records, and the sum modulo 2^64 of the first 64 bits of each one's SHA-256 as 16 hex digits: needs no order. */
export interface RecordDigest {
  readonly count: number
  readonly sum: string
}

/** Adds records up to a digest. */
export interface Adder {
  readonly add: (record: TopicRecord) => void
  readonly digest: () => RecordDigest
}

const hex = (text: string): string => Buffer.from(text).toString("hex").toUpperCase()

/** Names of headers in the order they are stored and digested in: by UTF-16 code unit. */
export const headerNames = (record: TopicRecord): ReadonlyArray<string> => Object.keys(record.headers).sort()

/** The text of a record that its digest is made of: every field of the raw record, none ambiguous. */
const textOf = (record: TopicRecord): string => {
  const id = record.messageId === undefined ? "-" : `+${hex(record.messageId)}`
  const headers = headerNames(record).map((name) => `${name}:${record.headers[name]}\n`)
  const data = Buffer.from(record.data.buffer, record.data.byteOffset, record.data.byteLength)
  return `${record.sequence} ${record.subject} ${record.timeMillis} ${id} ${data.toString("hex").toUpperCase()}\n${headers.join("")}`
}

/** An empty digest that records are added to. */
export const adder = (): Adder => {
  let count = 0
  let sum = 0n
  return {
    add: (record) => {
      count++
      sum += createHash("sha256").update(textOf(record)).digest().readBigUInt64BE(0)
    },
    digest: () => ({ count, sum: BigInt.asUintN(64, sum).toString(16).padStart(16, "0") })
  }
}

/** The same digest in DuckDB over archived records: columns `count` and `sum`. */
export const sql = `count(*) AS count,
  lower(format('{:016x}', coalesce(sum(('0x' || left(sha256(
    sequence || ' ' || subject || ' ' || epoch_ms("time") || ' ' ||
    coalesce('+' || hex(message_id), '-') || ' ' || hex(data) || chr(10) ||
    array_to_string(list_transform(map_entries(headers), lambda e: e.key || ':' || e.value || chr(10)), '')
  ), 16))::UBIGINT::HUGEINT) % 18446744073709551616, 0)::UBIGINT)) AS sum`
