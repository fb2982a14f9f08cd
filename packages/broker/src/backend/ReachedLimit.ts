import type { Candidate } from "./AppendPlan.ts"
import { recordBytes } from "./RecordBytes.ts"
import type { TopicIndex } from "./TopicIndex.ts"
import type { TopicSettings } from "./TopicSettings.ts"

/** A subject while a group is tried: its oldest stored record, how many are stored, and what the group added. */
interface Trial {
  at: number
  stored: number
  readonly added: Array<number>
}

/**
 * With `discard: "reject"`: which limit a group would go over, once what it replaces itself (roll-up, records of one
 * subject) has gone; `undefined` when it fits, and always with `discard: "old"`.
 */
export const reachedLimit = (
  index: TopicIndex,
  settings: TopicSettings,
  candidates: ReadonlyArray<Candidate>
): string | undefined => {
  const { maxBytes, maxRecords, maxRecordsPerSubject } = settings
  if (settings.discard === "old" || (maxBytes === undefined && maxRecords === undefined)) return undefined
  let records = index.records.count
  let bytes = index.bytes
  const trials = new Map<string, Trial>()
  for (const candidate of candidates) {
    let trial = trials.get(candidate.subject)
    if (trial === undefined) {
      const subject = index.subjects.get(candidate.subject)
      trial = { at: subject?.first ?? 0, stored: subject?.count ?? 0, added: [] }
      trials.set(candidate.subject, trial)
    }
    const size = recordBytes(candidate)
    trial.added.push(size)
    records++
    bytes += size
    const keeps = candidate.rollup ? 1 : (maxRecordsPerSubject ?? Number.POSITIVE_INFINITY)
    while (trial.stored + trial.added.length > keeps) {
      records--
      if (trial.stored > 0) {
        bytes -= index.records.bytesOf(trial.at)
        trial.at = index.records.nextOf(trial.at)
        trial.stored--
      } else {
        bytes -= trial.added.shift() ?? 0
      }
    }
    // Checked at each record: a group that only fits at its end would still go over on the way.
    if (maxRecords !== undefined && records > maxRecords) {
      return `the topic holds its ${maxRecords} records: purge it or raise maxRecords`
    }
    if (maxBytes !== undefined && bytes > maxBytes) {
      return `the topic holds its ${maxBytes} bytes: purge it or raise maxBytes`
    }
  }
  return undefined
}
