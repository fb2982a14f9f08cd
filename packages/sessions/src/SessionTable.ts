import { type CanonicalJson, Table } from "@troupe/views"
import type { Change, Session } from "./Change.ts"

/** A session as a row of a table: its content alone, without revision, so that a live table and a batch one compare equal. */
export const toRow = <A extends CanonicalJson.Json>(session: Session<A>): Table.Row => ({
  key: session.key,
  startMillis: session.startMillis,
  lastMillis: session.lastMillis,
  events: session.events,
  result: session.result
})

/** How changes become a table of sessions by session id; `Late` and `Quarantined` are about no session. */
export const spec = <V, A extends CanonicalJson.Json>(): Table.TableSpec<Change<V, A>> => ({
  key: (change) => (change._tag === "Late" || change._tag === "Quarantined" ? undefined : change.sessionId),
  revision: (change) => (change._tag === "Late" || change._tag === "Quarantined" ? 0 : change.revision),
  row: (change) => {
    switch (change._tag) {
      case "Opened":
      case "Closed":
      case "Corrected":
        return toRow(change)
      default:
        return undefined
    }
  }
})

/** The table of sessions that batch answered, in the same form. */
export const ofBatch = <A extends CanonicalJson.Json>(sessions: Iterable<Session<A>>): Table.Rows =>
  new Map(Array.from(sessions, (session) => [session.sessionId, toRow(session)]))

/** The table of sessions that changes leave. */
export const ofChanges = <V, A extends CanonicalJson.Json>(changes: Iterable<Change<V, A>>): Table.Rows =>
  Table.rowsOf(spec<V, A>(), changes)
