import { type AppendRequest, Subject, type TopicRecord } from "@troupe/broker"
import { Control } from "@troupe/sessions"
import * as Result from "effect/Result"
import * as SocialEvent from "./SocialEvent.ts"

/** The topic of everything that came in, as it came in, and its number of partitions, fixed for its life. */
export const name = "social-raw"
export const partitions = 4

/** Header that says which row of the source a record came from: ingest goes on after the last one. */
export const rowHeader = "Row"

/** An event that claims to be done this much later than the broker got it is none: its clock is wrong, and would close everything. */
export const aheadMillisMax = 5 * 60_000

const utf8 = new TextEncoder()

/**
 * A line of the feed as a record: on its post's author's partition, so that everything about a post stays in order; a line that is no event on
 * partition 0. Nothing is refused here: the next stage says what it rejects, and why.
 */
export const request = (line: string, row: number): AppendRequest => {
  const parsed = SocialEvent.parse(line)
  const partition = Result.isSuccess(parsed) ? Subject.partitionOf(parsed.success.author, partitions) : 0
  return {
    subject: Subject.partitionSubject(partition),
    data: utf8.encode(line),
    headers: { [rowHeader]: String(row) }
  }
}

/** Bytes that are no text, as they came in: a record that holds no event either. */
export const bytesRequest = (data: Uint8Array, row: number): AppendRequest => ({
  subject: Subject.partitionSubject(0),
  data,
  headers: { [rowHeader]: String(row) }
})

/** The end of the feed, for every partition. */
export const ends = (lastRow: number): ReadonlyArray<AppendRequest> =>
  Array.from({ length: partitions }, (_, partition) => ({
    subject: Subject.partitionSubject(partition),
    data: new Uint8Array(0),
    headers: { [rowHeader]: String(lastRow), ...Control.toHeaders({ _tag: "EndOfInput" }) }
  }))

/** True for the record that ends the feed on its partition. */
export const isEnd = (record: TopicRecord): boolean =>
  Control.ofHeaders(record.headers)?._tag === "EndOfInput"

/** True for a record that only says something about the feed, such as its end. */
export const isControl = (record: TopicRecord): boolean => record.headers["control"] !== undefined

/** The event that a record holds, or why it holds none: every reader of the topic, view or batch, goes by this. */
export const eventOf = (record: TopicRecord): Result.Result<SocialEvent.SocialEvent, string> => {
  const read = SocialEvent.ofBytes(record.data)
  if (Result.isSuccess(read) && read.success.at > record.timeMillis + aheadMillisMax) {
    return Result.fail(
      `its time is ${read.success.at - record.timeMillis} ms ahead of the broker's: the sender's clock is wrong`
    )
  }
  return read
}
