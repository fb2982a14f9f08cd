import { type Table, TableDigest } from "@troupe/views"
import * as Effect from "effect/Effect"
import type { BatchError } from "./BatchError.ts"
import { Disk } from "./Disk.ts"
import * as Versions from "./Versions.ts"

/** How complete a batch view is. */
export interface Completeness {
  /** Last sequence of the topic that the batch had read. */
  readonly through: number
  /** B: units that close before this time (ms) are in the batch view and never change; all others are not in it. */
  readonly closedBefore: number
}

/** A batch view as it was published: rows and completeness are one value. */
export interface Publication extends Completeness {
  /** 1, 2, 3 …; 0 before the first. */
  readonly version: number
  /** Rows by question. */
  readonly tables: { readonly [question: string]: Table.Rows }
}

/** Nothing was published yet. */
export const none: Publication = { version: 0, through: 0, closedBefore: 0, tables: {} }

type Stored = { readonly [question: string]: ReadonlyArray<readonly [string, Table.Row]> }

const storedOf = (tables: Publication["tables"]): Stored =>
  Object.fromEntries(Object.entries(tables).map(([question, rows]) => [question, [...rows]]))

const tablesOf = (stored: Stored): Publication["tables"] =>
  Object.fromEntries(Object.entries(stored).map(([question, rows]) => [question, new Map(rows)]))

/** Order-free digests of a publication's tables, by question. */
export const digests = (
  tables: Publication["tables"]
): { readonly [question: string]: TableDigest.OrderFree } =>
  Object.fromEntries(
    Object.entries(tables).map(([question, rows]) => [question, TableDigest.orderFree(rows)])
  )

const together = "batch-view"

/** Version of the newest batch view in a directory, without reading it: what a reader asks again and again. */
export const newestVersion = (directory: string): Effect.Effect<number, BatchError> =>
  Versions.newestNumber(directory, together)

/** The newest batch view in a directory; `none` when there is none. */
export const newest = (directory: string): Effect.Effect<Publication, BatchError> =>
  Effect.map(Versions.newest(directory, together), ({ body, version }) => {
    if (version === 0) return none
    // The digest was checked: what is in the file is what `publish` made.
    const { closedBefore, tables, through } = JSON.parse(body) as Completeness & { readonly tables: Stored }
    return { version, closedBefore, through, tables: tablesOf(tables) }
  })

/** Publishes the next batch view in one commit: a reader has the old one or the new one. `Fenced` when another process published it. */
export const publish = (directory: string, next: Publication): Effect.Effect<void, BatchError> =>
  Effect.gen(function* () {
    yield* (yield* Disk).makeDirectory(directory)
    const { closedBefore, tables, through, version } = next
    const body = JSON.stringify({ closedBefore, through, tables: storedOf(tables) })
    yield* Versions.commit(directory, together, version, body)
  })

/** The naive way: two commits, of which a reader may find the first without the second. */
export const apart = {
  newestVersion: (directory: string): Effect.Effect<number, BatchError> =>
    Versions.newestNumber(directory, "watermark"),
  newest: (directory: string): Effect.Effect<Publication, BatchError> =>
    Effect.gen(function* () {
      const watermark = yield* Versions.newest(directory, "watermark")
      const rows = yield* Versions.newest(directory, "rows")
      if (watermark.version === 0) return none
      const { closedBefore, through } = JSON.parse(watermark.body) as Completeness
      const tables = rows.version === 0 ? {} : tablesOf(JSON.parse(rows.body) as Stored)
      return { version: watermark.version, closedBefore, through, tables }
    }),
  publish: (directory: string, next: Publication, diesBetween: boolean): Effect.Effect<void, BatchError> =>
    Effect.gen(function* () {
      yield* (yield* Disk).makeDirectory(directory)
      const { closedBefore, tables, through, version } = next
      const complete = JSON.stringify({ closedBefore, through })
      yield* Versions.commit(directory, "watermark", version, complete)
      if (diesBetween) return
      yield* Versions.commit(directory, "rows", version, JSON.stringify(storedOf(tables)))
    })
}
