import { type AppendRequest, jsonCodec, Subject, type TopicRecord } from "@troupe/broker"
import { ClickEvent } from "@troupe/clickstream"
import { Control } from "@troupe/sessions"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

/** The topic of clicks and its number of partitions, fixed for the topic's life. */
export const name = "clicks"
export const partitions = 4

/** Header that says which data row of the source a record came from: ingest goes on after the last one. */
export const rowHeader = "Row"

const codec = jsonCodec(ClickEvent)

/** A click as a record: on its visitor's partition, so that one visitor's clicks stay in order. */
export const request = (event: ClickEvent): Effect.Effect<AppendRequest> =>
  codec.encode(event).pipe(
    Effect.orDie,
    Effect.map((data) => ({
      subject: Subject.partitionSubject(Subject.partitionOf(event.key, partitions)),
      data,
      headers: { [rowHeader]: String(event.row) }
    }))
  )

/** The end of the input, for every partition: closes all open sessions. */
export const ends = (lastRow: number): ReadonlyArray<AppendRequest> =>
  Array.from({ length: partitions }, (_, partition) => ({
    subject: Subject.partitionSubject(partition),
    data: new Uint8Array(0),
    headers: { [rowHeader]: String(lastRow), ...Control.toHeaders({ _tag: "EndOfInput" }) }
  }))

/** True for the record that ends the input. */
export const isEnd = (record: TopicRecord): boolean =>
  Control.ofHeaders(record.headers)?._tag === "EndOfInput"

/** The click a record holds; throws for bytes that are none, which only a foreign writer can have put there. */
export const decode = (record: TopicRecord): ClickEvent => {
  const decoded = codec.decode(record.data)
  if (Result.isSuccess(decoded)) return decoded.success
  throw new TypeError(`record ${record.sequence} of ${name} is no click: ${decoded.failure}`)
}
