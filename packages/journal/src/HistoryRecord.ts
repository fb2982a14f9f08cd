import { Subject, type TopicRecord } from "@troupe/broker"
import type { History, JournalEntry } from "@troupe/runtime"
import * as Result from "effect/Result"
import { decodeEntry } from "./EntryFormat.ts"

export { subjectOf } from "./EntryFormat.ts"

/** Whose entry a record of a journal's topic is, and the entry. */
export interface HistoryRecord {
  readonly history: History
  readonly entry: JournalEntry
}

/**
 * Reads a record of a journal's topic, or says what is wrong with it: so histories can be followed, folded and archived
 * like any other topic. The events are encoded as the actor's schemas encode them, in JSON.
 */
export const ofRecord = (record: TopicRecord): Result.Result<HistoryRecord, unknown> =>
  Result.flatMap(
    Result.try({
      try: (): History => {
        const tokens = record.subject.split(".")
        const [actor, id] = tokens
        if (tokens.length !== 2 || actor === undefined || id === undefined) {
          throw new TypeError(`${record.subject} is not the subject of a history`)
        }
        return { actor: Subject.decodeToken(actor), id: Subject.decodeToken(id) }
      },
      catch: (cause) => cause
    }),
    (history) => Result.map(decodeEntry(record), (entry) => ({ history, entry }))
  )
