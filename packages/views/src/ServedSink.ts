import type { AppendRequest, Broker, Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Commit from "./Commit.ts"
import * as Outputs from "./Outputs.ts"
import * as ServedRecord from "./ServedRecord.ts"
import * as ServedTopic from "./ServedTopic.ts"
import { backoff, brokerFailed, retrying } from "./Transient.ts"
import { Fenced, OutputsReplaced, ViewError, type ViewErrorReason } from "./ViewError.ts"

/** The one writer of a served table, from its claim until another claims it. */
export interface ServedSink {
  /** Every output up to this sequence was in the rows when it claimed. */
  readonly through: number
  readonly chain: string
  /** Revision of every key in the table. */
  readonly revisions: Map<string, number>
  /** Writes rows and the position in one append, or fails with `Fenced`. */
  readonly write: (
    rows: ReadonlyArray<AppendRequest>,
    position: { readonly through: number; readonly chain: string }
  ) => Effect.Effect<void, ViewError>
}

/**
 * Claims a served table: the newest sink wins, and the one before is refused at its next write.
 *
 * Every write, the claim too, carries a fence record that must follow the last one this sink knows. No answer (`Unknown`) is followed by the
 * same append again: where the first was stored the second is refused, and the fence says then that it is this sink's own.
 */
export const claim = Effect.fnUntraced(function* (
  view: ServedTopic.Served,
  topic: Topic,
  namespace: string | undefined
): Effect.fn.Return<ServedSink, ViewError, Broker> {
  const fail = (reason: ViewErrorReason) => new ViewError({ view: view.id, partition: -1, reason })
  // Not from `Random`: two processes with one seed would take each other's fence for their own.
  const writer = yield* Effect.sync(() => crypto.randomUUID())
  let sequence = 0
  let batch = 0

  /** Answers false when the fence was not the expected one and is not this batch's. */
  const append = Effect.fnUntraced(function* (
    rows: ReadonlyArray<AppendRequest>,
    position: { readonly through: number; readonly chain: string }
  ) {
    const { chain, through } = position
    const fence = { format: 1 as const, digest: view.digest, through, chain, writer, batch }
    const stored = yield* topic.appendAll([...rows, ServedRecord.ofFence(fence, sequence)]).pipe(
      Effect.retry({ schedule: backoff, while: (error) => error.isTransient }),
      Effect.catchReason("BrokerError", "Conflict", () => Effect.succeed(undefined)),
      Effect.mapError(brokerFailed(view.id, -1))
    )
    const last = stored?.at(-1)
    if (last !== undefined) {
      sequence = last
    } else {
      const found = yield* ServedTopic.fenceOf(view, topic)
      if (found.fence?.writer !== writer || found.fence.batch !== batch) return found.sequence
      sequence = found.sequence
    }
    batch++
    return "stored"
  })

  /** The rows are outputs of the topic as it is: the commit they end with is there. */
  const belongs = Effect.fnUntraced(function* (fence: ServedRecord.Fence) {
    if (fence.through === 0) return
    const output = yield* Outputs.open(view, namespace)
    const found = yield* retrying(
      Stream.runHead(output.read({ from: fence.through, to: fence.through, filters: ["p.>"] }))
    ).pipe(Effect.mapError(brokerFailed(view.id, -1)))
    if (Option.isSome(found) && Commit.ofRecord(found.value)?.chain === fence.chain) return
    return yield* fail(new OutputsReplaced({ topic: topic.name, through: fence.through }))
  })

  const take = Effect.gen(function* () {
    for (;;) {
      const { fence, sequence: last } = yield* ServedTopic.fenceOf(view, topic)
      if (fence !== undefined) yield* belongs(fence)
      sequence = last
      const position = { through: fence?.through ?? 0, chain: fence?.chain ?? Commit.chainStart }
      if ((yield* append([], position)) === "stored") return position
    }
  })

  // From here on nobody else can write: what is read now is what is there.
  const position = yield* take
  const revisions = new Map<string, number>()
  yield* Stream.runForEachArray(topic.lastPerSubject(ServedRecord.rowsFilter), (records) =>
    Effect.sync(() => {
      for (const record of records) {
        const row = ServedRecord.toRow(record)
        if (row !== undefined) revisions.set(row.key, row.revision)
      }
    })
  ).pipe(retrying, Effect.mapError(brokerFailed(view.id, -1)))

  return {
    ...position,
    revisions,
    write: Effect.fnUntraced(function* (rows, position) {
      const expected = sequence
      const answer = yield* append(rows, position)
      if (answer !== "stored") return yield* fail(new Fenced({ expected, actual: answer }))
    })
  }
})
