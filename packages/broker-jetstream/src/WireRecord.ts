import { type Msg, type MsgHdrs, MsgHdrsImpl } from "@nats-io/transport-node"
import type { Headers, RecordSchedule, TopicRecord } from "@troupe/broker"
import type { Candidate } from "@troupe/broker/backend"

/** Carries all headers as one JSON object when NATS would not keep one of them as it is. */
const packedHeader = "Troupe-Headers"

/** NATS drops white space around values. */
const survives = (headers: Headers): boolean => {
  for (const name in headers) {
    const value = headers[name] as string
    if (name === packedHeader || value.trim() !== value) return false
  }
  return true
}

/** Seconds are what the server counts in and it cuts fractions off; rounding up keeps "never early". */
const ttl = (millis: number): string => `${Math.ceil(millis / 1_000)}s`

/** The headers of one record on the wire; none when it needs none. `fullSubject` turns a subject of the topic into one of NATS. */
export const toHeaders = (
  candidate: Candidate,
  fullSubject: (subject: string) => string,
  extra?: Readonly<Record<string, string>>
): MsgHdrs | undefined => {
  const wire = new MsgHdrsImpl()
  const fields = wire.headers
  if (survives(candidate.headers)) {
    for (const name in candidate.headers) fields.set(name, [candidate.headers[name] as string])
  } else {
    fields.set(packedHeader, [JSON.stringify(candidate.headers)])
  }
  const { expectLast, expectLastOn, messageId, rollup, schedule, ttlMillis } = candidate
  if (messageId !== undefined) fields.set("Nats-Msg-Id", [messageId])
  if (expectLast !== undefined) fields.set("Nats-Expected-Last-Subject-Sequence", [`${expectLast}`])
  if (expectLastOn !== undefined) {
    fields.set("Nats-Expected-Last-Subject-Sequence", [`${expectLastOn.sequence}`])
    fields.set("Nats-Expected-Last-Subject-Sequence-Subject", [fullSubject(expectLastOn.subject)])
  }
  if (ttlMillis !== undefined) fields.set("Nats-TTL", [ttl(ttlMillis)])
  if (schedule !== undefined) {
    fields.set("Nats-Schedule", [`@at ${new Date(schedule.atMillis).toISOString()}`])
    fields.set("Nats-Schedule-Target", [fullSubject(schedule.subject)])
    if (schedule.ttlMillis !== undefined) fields.set("Nats-Schedule-TTL", [ttl(schedule.ttlMillis)])
  } else if (rollup) fields.set("Nats-Rollup", ["sub"])
  for (const name in extra) fields.set(name, [extra[name] as string])
  return fields.size === 0 ? undefined : wire
}

/** What NATS stored of a record beside its data: the headers of the port, and what it keeps in headers of its own. */
const fromHeaders = (
  wire: MsgHdrs
): {
  readonly headers: Headers
  readonly messageId: string | undefined
  readonly schedule: RecordSchedule | undefined
} => {
  let headers: Record<string, string> = {}
  let messageId: string | undefined
  for (const [name, values] of wire) {
    const value = values[0] as string
    if (name === "Nats-Msg-Id") messageId = value
    else if (name === packedHeader) headers = JSON.parse(value)
    else if (!name.startsWith("Nats-")) headers[name] = value
  }
  return { headers, messageId, schedule: toSchedule(wire) }
}

/** What a waiting message becomes; its target has the prefix and the topic in front, which have no dots. */
const toSchedule = (wire: MsgHdrs): RecordSchedule | undefined => {
  const pattern = wire.get("Nats-Schedule")
  if (!pattern.startsWith("@at ")) return undefined
  const target = wire.get("Nats-Schedule-Target")
  return {
    atMillis: Date.parse(pattern.slice(4)),
    subject: target.slice(target.indexOf(".", target.indexOf(".") + 1) + 1)
  }
}

const none: Headers = {}

/** A stored message as a record. */
export const toRecord = (
  sequence: number,
  subject: string,
  timeMillis: number,
  wire: MsgHdrs | undefined,
  data: Uint8Array
): TopicRecord => {
  if (wire === undefined) return { sequence, subject, timeMillis, headers: none, data }
  const { headers, messageId, schedule } = fromHeaders(wire)
  const record: TopicRecord =
    messageId === undefined
      ? { sequence, subject, timeMillis, headers, data }
      : { sequence, subject, timeMillis, headers, data, messageId }
  return schedule === undefined ? record : { ...record, schedule }
}

/** A message as a direct get answers it: everything about it is in its headers. */
export const fromDirect = (message: Msg, prefixLength: number): TopicRecord => {
  const wire = message.headers as MsgHdrs
  return toRecord(
    Number(wire.get("Nats-Sequence")),
    wire.get("Nats-Subject").slice(prefixLength),
    // Digits beyond milliseconds are cut off, as the other readings of the same record do.
    Date.parse(wire.get("Nats-Time-Stamp").replace(/(\.\d{3})\d+/, "$1")),
    wire,
    message.data
  )
}

/** What the reply subject of a delivered message says of it. */
export interface DeliveryMark {
  readonly deliveries: number
  readonly sequence: number
  /** Deliveries of this consumer so far: 1, 2, 3 without gap. */
  readonly consumerSequence: number
  readonly timeMillis: number
  readonly pending: number
}

/** Reads `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<nanoseconds>.<pending>[…]`. */
export const toMark = (reply: string): DeliveryMark => {
  const tokens = reply.split(".")
  const at = tokens.length >= 11 ? 6 : 4
  return {
    deliveries: Number(tokens[at]),
    sequence: Number(tokens[at + 1]),
    consumerSequence: Number(tokens[at + 2]),
    // Nanoseconds do not fit a number: cut the digits off before reading it.
    timeMillis: Number((tokens[at + 3] as string).slice(0, -6)),
    pending: Number(tokens[at + 4])
  }
}

/** A message as a consumer delivers it. */
export const fromDelivery = (message: Msg, mark: DeliveryMark, prefixLength: number): TopicRecord =>
  toRecord(mark.sequence, message.subject.slice(prefixLength), mark.timeMillis, message.headers, message.data)
