/**
 * The speed layer: the events of units that the adopted batch view does not have, and what they answer. Pure: no clock, no Effect.
 */
import type { Table } from "@troupe/views"
import { partitionOf } from "./Partition.ts"
import type { Question, Rules } from "./Question.ts"
import type { Wiring } from "./Wiring.ts"

/** One record of the topic, decoded; `event` is undefined for a record that is not an event. */
export interface Decoded<Event> {
  readonly sequence: number
  readonly subject: string
  readonly event: Event | undefined
}

interface Held<Event> {
  readonly sequence: number
  readonly event: Event
}

/** What the layer knows. */
export interface State<Event> {
  /** Last sequence folded; 0 for none. */
  through: number
  /** Watermark of each partition that had an event. */
  readonly watermarks: Map<number, number>
  /** Events that were too late, by the rule of this layer. */
  late: number
  /** Units that close before this are forgotten; 0 for none. */
  trimmedBefore: number
  /** By question: the events of the units that are kept, in the order of the log. */
  readonly lanes: ReadonlyArray<{ readonly question: Question<Event>; events: Array<Held<Event>> }>
}

/** The layer before the first record of the topic. */
export const initial = <Event>(
  questions: ReadonlyArray<Question<Event>>,
  wiring: Wiring<Event>
): State<Event> => ({
  through: 0,
  watermarks: new Map(),
  late: 0,
  trimmedBefore: 0,
  lanes: questions.map((question) => ({
    question: { ...question, units: wiring.speedUnits?.[question.name] ?? question.units },
    events: []
  }))
})

/** Folds records, which come in the order of the log, into the state. Where they are cut into calls changes nothing. */
export const step = <Event>(
  rules: Rules<Event>,
  wiring: Wiring<Event>,
  state: State<Event>,
  records: ReadonlyArray<Decoded<Event>>
): void => {
  const allowed = wiring.speedLate === "dropped" ? 0 : rules.latenessMillis
  for (const { event, sequence, subject } of records) {
    state.through = sequence
    if (event === undefined) continue
    const partition = partitionOf(subject)
    const at = rules.timeMillis(event)
    const watermark = state.watermarks.get(partition)
    if (watermark !== undefined && at < watermark - allowed) {
      state.late++
      continue
    }
    state.watermarks.set(partition, Math.max(watermark ?? Number.NEGATIVE_INFINITY, at - rules.delayMillis))
    for (const lane of state.lanes) lane.events.push({ sequence, event })
  }
}

/** Forgets every unit that closes before `closedBefore`. */
export const trim = <Event>(state: State<Event>, closedBefore: number): void => {
  if (closedBefore <= state.trimmedBefore) return
  state.trimmedBefore = closedBefore
  for (const lane of state.lanes) {
    const closed = new Set<Event>()
    for (const unit of lane.question.units(lane.events.map(({ event }) => event))) {
      if (unit.closesAtMillis >= closedBefore) continue
      for (const event of unit.events) closed.add(event)
    }
    lane.events = lane.events.filter(({ event }) => !closed.has(event))
  }
}

/** The rows of a question's units that `keep` wants, from the events that `of` wants. */
export const rows = <Event>(
  state: State<Event>,
  question: string,
  of: (event: Event) => boolean,
  keep: (closesAtMillis: number) => boolean
): Table.Rows => {
  const lane = state.lanes.find((held) => held.question.name === question)
  const found = new Map<string, Table.Row>()
  if (lane === undefined) return found
  const events = lane.events.map(({ event }) => event).filter(of)
  for (const { closesAtMillis, key, row } of lane.question.units(events)) {
    if (row !== null && keep(closesAtMillis)) found.set(key, row)
  }
  return found
}
