/** The scores that a live run leaves, and those of batch, in one form that can be compared. */
import type { Symbols } from "@troupe/clickstream"
import type { Table } from "@troupe/views"
import type { Output } from "./Scoring.ts"

/** The score after one event of a session. */
export interface ScoreRow {
  readonly key: string
  readonly sessionId: string
  readonly eventId: string
  readonly timeMillis: number
  readonly symbol: Symbols.ShopSymbol
  /** How many events the session has up to this one, in event time. */
  readonly clicks: number
  /** The champion's probability of a purchase; `null` while it is silent, and from the purchase on. */
  readonly champion: number | null
  /** The challenger's. */
  readonly challenger: number | null
}

/** Scores by session id and event id. */
export type ScoreTable = Map<string, Map<string, ScoreRow>>

/** An empty table. */
export const make = (): ScoreTable => new Map()

const put = (table: ScoreTable, row: ScoreRow): void => {
  const session = table.get(row.sessionId)
  if (session === undefined) table.set(row.sessionId, new Map([[row.eventId, row]]))
  else session.set(row.eventId, row)
}

/** Applies what a scoring told, in order. */
export const apply = (table: ScoreTable, outputs: Iterable<Output>): void => {
  for (const output of outputs) {
    if (output._tag === "Retracted") table.delete(output.sessionId)
    else if (output._tag === "Scored") {
      const { _tag, corrected, ...row } = output
      put(table, row)
    }
  }
}

/** The table of rows, e.g. those of `Scoring.batch`. */
export const ofRows = (rows: Iterable<ScoreRow>): ScoreTable => {
  const table = make()
  for (const row of rows) put(table, row)
  return table
}

/** One row an event, by `<session id>/<event id>`: what `TableDigest` and `TableDiff` of `@troupe/views` take. */
export const toRows = (table: ScoreTable): Table.Rows =>
  new Map(
    Array.from(table.values()).flatMap((session) =>
      Array.from(session.values(), (row) => [`${row.sessionId}/${row.eventId}`, { ...row }] as const)
    )
  )
