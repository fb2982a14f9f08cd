import type { Table } from "@troupe/views"
import type { Fields } from "./SqlText.ts"

/** The smallest thing that is answered at once and closes at one moment: an hour of a tag, a session of a visitor. */
export interface Unit<Event> {
  /** Names the unit; the same in every order of arrival, and in SQL. */
  readonly key: string
  /** The last moment (ms) at which an event can still belong to it: the end of a window less 1, a session's last event and its gap. */
  readonly closesAtMillis: number
  /** null: no row, only events that go with the unit's end, such as a post about nothing. Of units with equal keys at most one has a row. */
  readonly row: Table.Row | null
  /** The events that belong to it. */
  readonly events: ReadonlyArray<Event>
}

/**
 * A question, answered twice: by SQL over the archive and by a pure function over the newest events.
 *
 * Law: a unit follows from its own events alone, in any order, and an event later than `closesAtMillis` never changes it. Leaving out all
 * events of some units changes no other unit.
 */
export interface Question<Event> {
  readonly name: string
  /** The speed layer's answer: the units of these events, which come in the order of the log. */
  readonly units: (events: ReadonlyArray<Event>) => Iterable<Unit<Event>>
  /**
   * The batch layer's answer: a query over the relation `events` (the archive's columns) with the columns `key`, `closes_at` (ms) and the
   * fields of a row.
   */
  readonly sql: string
  readonly fields: Fields
}

/** What both layers take for an event, and when they take it for too late: the same rule on both sides. */
export interface Rules<Event> {
  /** Number of partitions that the topic is written with. */
  readonly partitions: number
  /** The archive's column (`integer`) with the event's time in ms; null for a record that is not an event. */
  readonly timeColumn: string
  readonly timeMillis: (event: Event) => number
  /** The watermark of a partition is its newest event's time less this. */
  readonly delayMillis: number
  /** An event that is further behind its partition's watermark than this is late: neither layer counts it. */
  readonly latenessMillis: number
}
