import { type ClickEvent, Symbols } from "@troupe/clickstream"
import { type Change, Fold, Sessions, SessionTable } from "@troupe/sessions"
import type { Table } from "@troupe/views"
import * as ClickTopic from "./ClickTopic.ts"

/** What a session is boiled down to: how many events of each kind it has, by the names of `Symbols`. */
export type Summary = { readonly symbols: Readonly<Record<string, number>> }

/** A change of the table of sessions, as the views put it out. */
export type SessionChange = Change<number, Summary>

const minuteMillis = 60_000

/** The longest silence inside a session, by version. */
export const gapMinutes = { v1: 30, v2: 15 } as const

/** Sessions of one version: a visitor's clicks with no silence longer than `gap` minutes between them. */
const view = (version: number, gap: number) =>
  Sessions.view({
    name: "sessions",
    version,
    spec: Sessions.define<ClickEvent, number, Summary>({
      key: (event) => event.key,
      eventId: (event) => event.eventId,
      timeMillis: (event) => event.timeMillis,
      value: (event) => event.symbol,
      fold: Fold.struct({ symbols: Fold.countBy((symbol) => Symbols.actions[symbol - 1] ?? "unknown") }),
      gapMillis: gap * minuteMillis
    }),
    decode: ClickTopic.decode
  })

/** Version 1, which runs live: 30 minutes, the field's usual rule. */
export const v1 = view(1, gapMinutes.v1)

/** Version 2, which is tried beside it: 15 minutes. */
export const v2 = view(2, gapMinutes.v2)

/** How the changes become the table of sessions. */
export const table: Table.TableSpec<SessionChange> = SessionTable.spec()
