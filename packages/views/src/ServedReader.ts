import type { Broker } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ServedRecord from "./ServedRecord.ts"
import * as ServedTopic from "./ServedTopic.ts"
import type { Row, Rows } from "./Table.ts"
import { brokerFailed, retrying } from "./Transient.ts"
import type { ViewError } from "./ViewError.ts"

/** A served table as it was read. */
export interface ServedTable {
  readonly rows: Rows
  /** Every output up to this sequence of the output topic is in the rows; 0 when nothing was ever served. */
  readonly through: number
}

/** A row that changed. */
export interface RowChange extends ServedRecord.ServedRow {
  /** Of the served topic: a reader that remembers it goes on behind it. */
  readonly sequence: number
}

/** Reads a served table, from its compacted topic alone. */
export interface Reader {
  /**
   * All rows. Each is at least as new as `through`, which is read first; rows that change meanwhile may be newer, never older, so rows of
   * different keys need not be of one moment. Fails with `Foreign` for another view's table.
   */
  readonly rows: Effect.Effect<ServedTable, ViewError>
  /** One row, in one request; `undefined` when there is none. */
  readonly row: (key: string) => Effect.Effect<Row | undefined, ViewError>
  /**
   * The rows that are there (`row` is `undefined` for retracted ones), or those from a sequence on, and then every change as it is served; never
   * ends. It is state, not a log: of a row that changes twice before it is read, the first change may be skipped. In the order of `sequence`.
   */
  readonly follow: (from?: number) => Stream.Stream<RowChange, ViewError>
}

/** Opens a served table for readers. Fails with `Foreign` for another view's. */
export const open = Effect.fnUntraced(function* (
  view: ServedTopic.Served,
  options?: ServedRecord.ServedOptions
): Effect.fn.Return<Reader, ViewError, Broker> {
  const failed = brokerFailed(view.id, -1)
  const topic = yield* ServedTopic.open(view, options)
  yield* ServedTopic.fenceOf(view, topic)

  const rows = Effect.gen(function* () {
    const { fence } = yield* ServedTopic.fenceOf(view, topic)
    const held = new Map<string, Row>()
    yield* Effect.suspend(() => {
      held.clear()
      return Stream.runForEachArray(topic.lastPerSubject(ServedRecord.rowsFilter), (records) =>
        Effect.sync(() => {
          for (const record of records) {
            const served = ServedRecord.toRow(record)
            if (served?.row !== undefined) held.set(served.key, served.row)
          }
        })
      )
    }).pipe(retrying, Effect.mapError(failed))
    return { rows: held, through: fence?.through ?? 0 }
  })

  const row = Effect.fnUntraced(function* (key: string) {
    const subject = ServedRecord.subjectOf(key)
    if (subject === undefined) return undefined
    const last = yield* Effect.mapError(retrying(topic.last(subject)), failed)
    return Option.isSome(last) ? ServedRecord.toRow(last.value)?.row : undefined
  })

  const follow = (from = 1) =>
    topic.follow({ from, filters: [ServedRecord.rowsFilter] }).pipe(
      Stream.mapError(failed),
      Stream.map((record): RowChange | undefined => {
        const served = ServedRecord.toRow(record)
        return served === undefined ? undefined : { ...served, sequence: record.sequence }
      }),
      Stream.filter((change) => change !== undefined)
    )

  return { rows, row, follow }
})
