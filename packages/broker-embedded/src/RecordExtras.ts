import type { Headers } from "@troupe/broker"
import type { StoredSchedule } from "@troupe/broker/backend"

/** What a record has beside subject, time and data. */
export interface RecordExtras {
  readonly messageId: string | undefined
  readonly ttlMillis: number | undefined
  readonly headers: Headers
  readonly rollup: boolean
  readonly schedule: StoredSchedule | undefined
  /** The sequence of the waiting record whose place this one takes. */
  readonly fires: number | undefined
}

/**
 * What a record that waits, and one that took its place, have among the headers. No caller's header has a `:` in its
 * name, and the mark has no bit left.
 */
const ownHeader = { schedule: ":schedule", fires: ":fires" } as const

/** Bits of the log's record mark: which parts the header bytes have, in this order. */
const part = { rollup: 1, messageId: 2, ttl: 4, headers: 8 } as const

const nothing: RecordExtras = {
  messageId: undefined,
  ttlMillis: undefined,
  headers: {},
  rollup: false,
  schedule: undefined,
  fires: undefined
}

/** Mark and header bytes of a record; most records have neither. */
export interface EncodedExtras {
  readonly mark: number
  readonly bytes: Uint8Array | undefined
}

const none: EncodedExtras = { mark: 0, bytes: undefined }

/**
 * Lays the extras out, little-endian: `u16 length, id` · `f64 ttl` · `u16 count, (u16 length, name, u32 length, value)*`.
 *
 * The mark says which of the parts are there.
 */
export const encodeExtras = (extras: RecordExtras): EncodedExtras => {
  const { messageId, rollup, ttlMillis } = extras
  const headers = withOwn(extras)
  const names = Object.keys(headers)
  if (messageId === undefined && ttlMillis === undefined && names.length === 0 && !rollup) return none
  let size = 0
  if (messageId !== undefined) size += 2 + messageId.length
  if (ttlMillis !== undefined) size += 8
  if (names.length > 0) size += 2
  for (const name of names) size += 6 + name.length + Buffer.byteLength(headers[name] ?? "")
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  if (messageId !== undefined) {
    at = bytes.writeUInt16LE(messageId.length, at)
    at += bytes.write(messageId, at, "latin1")
  }
  if (ttlMillis !== undefined) at = bytes.writeDoubleLE(ttlMillis, at)
  if (names.length > 0) at = bytes.writeUInt16LE(names.length, at)
  for (const name of names) {
    at = bytes.writeUInt16LE(name.length, at)
    at += bytes.write(name, at, "latin1")
    const length = bytes.write(headers[name] ?? "", at + 4, "utf8")
    at = bytes.writeUInt32LE(length, at) + length
  }
  const mark =
    (rollup ? part.rollup : 0) |
    (messageId === undefined ? 0 : part.messageId) |
    (ttlMillis === undefined ? 0 : part.ttl) |
    (names.length === 0 ? 0 : part.headers)
  return { mark, bytes }
}

const withOwn = ({ fires, headers, schedule }: RecordExtras): Headers => {
  if (schedule !== undefined) return { ...headers, [ownHeader.schedule]: JSON.stringify(schedule) }
  return fires === undefined ? headers : { ...headers, [ownHeader.fires]: `${fires}` }
}

/** The extras that were laid out so. Throws `RangeError` for bytes that are not. */
export const decodeExtras = (mark: number, encoded: Uint8Array): RecordExtras => {
  if (mark === 0) return nothing
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
  let at = 0
  let messageId: string | undefined
  let ttlMillis: number | undefined
  let headers: Record<string, string> = nothing.headers
  let schedule: StoredSchedule | undefined
  let fires: number | undefined
  if ((mark & part.messageId) !== 0) {
    const length = bytes.readUInt16LE(at)
    messageId = bytes.toString("latin1", at + 2, at + 2 + length)
    at += 2 + length
  }
  if ((mark & part.ttl) !== 0) {
    ttlMillis = bytes.readDoubleLE(at)
    at += 8
  }
  if ((mark & part.headers) !== 0) {
    headers = {}
    const count = bytes.readUInt16LE(at)
    at += 2
    for (let i = 0; i < count; i++) {
      const nameEnd = at + 2 + bytes.readUInt16LE(at)
      const valueEnd = nameEnd + 4 + bytes.readUInt32LE(nameEnd)
      const name = bytes.toString("latin1", at + 2, nameEnd)
      const value = bytes.toString("utf8", nameEnd + 4, valueEnd)
      if (name === ownHeader.schedule) schedule = JSON.parse(value) as StoredSchedule
      else if (name === ownHeader.fires) fires = Number(value)
      else headers[name] = value
      at = valueEnd
    }
  }
  return { messageId, ttlMillis, headers, rollup: (mark & part.rollup) !== 0, schedule, fires }
}
