import type { Headers, TopicRecord } from "@troupe/broker"
import type { JournalSnapshot } from "@troupe/runtime"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { fromBytes, toBytes } from "./EntryFormat.ts"

/** Bytes of a snapshot that one record holds: every broker takes them, with room for headers. */
export const chunkBytes = 500_000

/** Chunks that one atomic append may hold. */
export const chunksMax = 1000

const idHeader = "Troupe-Snapshot"
const countHeader = "Troupe-Snapshot-Chunks"
const sequenceHeader = "Troupe-Snapshot-Sequence"

const decodeSnapshot = Schema.decodeUnknownExit(
  Schema.Struct({
    sequence: Schema.Number,
    state: Schema.Json,
    commands: Schema.Array(Schema.Struct({ id: Schema.String, reply: Schema.Json }))
  })
)

/** What the first chunk says about the whole. */
export interface SnapshotHead {
  readonly id: string
  readonly count: number
  /** The sequence of the entry that the snapshot includes. */
  readonly sequence: number
}

/** Cuts a snapshot in records; `id` is unique to this save, so chunks of two saves are never joined. */
export const encodeSnapshot = (
  snapshot: JournalSnapshot,
  id: string
): ReadonlyArray<{ readonly data: Uint8Array; readonly headers: Headers }> => {
  const bytes = toBytes(snapshot)
  const count = Math.max(1, Math.ceil(bytes.length / chunkBytes))
  const headers = { [idHeader]: id, [countHeader]: `${count}`, [sequenceHeader]: `${snapshot.sequence}` }
  return Array.from({ length: count }, (_, index) => ({
    data: bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes),
    headers
  }))
}

/** The head of a chunk, or `undefined` for a record that is none. */
export const headOf = (record: TopicRecord): SnapshotHead | undefined => {
  const id = record.headers[idHeader]
  const count = Number(record.headers[countHeader])
  const sequence = Number(record.headers[sequenceHeader])
  return id === undefined || !Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(sequence)
    ? undefined
    : { id, count, sequence }
}

/** Joins all chunks of one save, in order. */
export const decodeChunks = (chunks: ReadonlyArray<TopicRecord>): Result.Result<JournalSnapshot, unknown> => {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.data.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk.data, offset)
    offset += chunk.data.length
  }
  return Result.flatMap(fromBytes(bytes), (json) => {
    const snapshot = decodeSnapshot(json)
    return Exit.isSuccess(snapshot) ? Result.succeed(snapshot.value) : Result.fail(snapshot.cause)
  })
}
