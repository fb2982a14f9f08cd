/**
 * Snapshots of partitions: immutable chunks and one compare-and-set pointer a partition, in a topic of their own.
 *
 * Chunks are on subject `c.<n>`, pointers on `s.<n>`. A snapshot counts once its pointer is stored, so a crash between the two leaves an
 * old snapshot in force. Losing a snapshot costs the time to fold again, nothing else: the output topic says what is committed.
 */
import { Broker, type BrokerError, type Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Position } from "./PartitionFold.ts"
import * as Sha256 from "./Sha256.ts"
import { retrying } from "./Transient.ts"

const chunkBytesMax = 512 * 1024

/** What a pointer says. */
const Pointer = Schema.fromJsonString(
  Schema.Struct({
    format: Schema.Literal(1),
    digest: Schema.String,
    codeVersion: Schema.String,
    inSequence: Schema.Int,
    records: Schema.Int,
    outputs: Schema.Int,
    outSequence: Schema.Int,
    chain: Schema.String,
    cuts: Schema.Array(Schema.Int),
    stateDigest: Schema.String,
    chunks: Schema.Array(Schema.Int)
  })
)

const encodePointer = Schema.encodeSync(Pointer)
const decodePointer = Schema.decodeUnknownOption(Pointer)
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** A snapshot as it was stored. */
export interface Snapshot {
  /** Digest of the view that wrote it. */
  readonly digest: string
  readonly position: Position
  readonly state: Uint8Array
}

/** What is stored of a partition: a snapshot, nothing, or one whose bytes are lost or damaged. */
export type Loaded = Snapshot | "none" | "damaged"

/** The snapshots of one view. */
export interface Checkpoints {
  readonly load: (partition: number) => Effect.Effect<Loaded, BrokerError>
  /** False: another processor stored one in between, and its pointer stays. */
  readonly save: (
    partition: number,
    snapshot: Snapshot & { readonly codeVersion: string }
  ) => Effect.Effect<boolean, BrokerError>
}

const chunkSubject = (partition: number): string => `c.${partition}`
const pointerSubject = (partition: number): string => `s.${partition}`

const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

const load = Effect.fnUntraced(function* (topic: Topic, partition: number) {
  const last = yield* retrying(topic.last(pointerSubject(partition)))
  if (Option.isNone(last)) return "none"
  const decoded = decodePointer(text.decode(last.value.data))
  if (Option.isNone(decoded)) return "damaged"
  const { chunks, digest, stateDigest, codeVersion: _, format: __, ...position } = decoded.value
  const wanted = new Set(chunks)
  const first = chunks[0]
  const to = chunks.at(-1)
  const records =
    first === undefined || to === undefined
      ? []
      : yield* retrying(
          Stream.runCollect(topic.read({ from: first, to, filters: [chunkSubject(partition)] }))
        )
  const state = concat(records.filter((record) => wanted.has(record.sequence)).map((record) => record.data))
  if (Sha256.hex(state) !== stateDigest) return "damaged"
  return { digest, position, state } satisfies Snapshot
})

/** Opens the snapshots that a topic of this name holds. */
export const open = Effect.fnUntraced(function* (topicName: string) {
  const broker = yield* Broker
  const topic = yield* retrying(broker.topic({ name: topicName }))

  const save = Effect.fnUntraced(function* (
    partition: number,
    snapshot: Snapshot & { readonly codeVersion: string }
  ) {
    const subject = pointerSubject(partition)
    const before = yield* retrying(topic.last(subject))
    const chunks: Array<number> = []
    // An empty state has no chunk. A repeated append leaves an orphan, which the next snapshot's purge removes.
    for (let at = 0; at < snapshot.state.length; at += chunkBytesMax) {
      const data = snapshot.state.subarray(at, at + chunkBytesMax)
      const stored = yield* retrying(topic.append({ subject: chunkSubject(partition), data }))
      chunks.push(stored.sequence)
    }
    const { digest, codeVersion, position, state } = snapshot
    const stateDigest = Sha256.hex(state)
    const pointer = encodePointer({ format: 1, digest, codeVersion, ...position, stateDigest, chunks })
    const expectLast = Option.match(before, { onNone: () => 0, onSome: (record) => record.sequence })
    const isStored = yield* retrying(
      topic.append({
        subject,
        data: utf8.encode(pointer),
        messageId: `${subject}:${expectLast}:${stateDigest.slice(0, 16)}:${chunks[0] ?? position.inSequence}`,
        expectLast
      })
    ).pipe(
      Effect.as(true),
      Effect.catchReason("BrokerError", "Conflict", () => Effect.succeed(false))
    )
    if (!isStored) return false
    const first = chunks[0]
    if (first !== undefined) {
      yield* retrying(topic.purge({ filter: chunkSubject(partition), below: first }))
    }
    yield* retrying(topic.purge({ filter: subject, keep: 1 }))
    return true
  })

  const checkpoints: Checkpoints = { load: (partition) => load(topic, partition), save }
  return checkpoints
})
