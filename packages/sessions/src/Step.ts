/**
 * The live engine: pure given the state it is handed, whose pieces it may change in place.
 *
 * Every rule is applied event by event, the watermark too, so where chunks are cut changes nothing: neither the final
 * state nor one change.
 */
import type { CanonicalJson } from "@troupe/views"
import type { Change, SessionRow } from "./Change.ts"
import { sessionId } from "./SessionId.ts"
import type { SessionSpec } from "./SessionSpec.ts"
import {
  absorb,
  type Component,
  type Entry,
  forget,
  has,
  insert,
  makeComponent,
  type SessionState,
  schedule
} from "./SessionState.ts"
import * as Watermark from "./Watermark.ts"

type Json = CanonicalJson.Json

/**
 * Takes a chunk of one partition's events in log order, then raises the watermark to `watermarkMillis` if that is
 * higher. Answers the state after it and what changed, in order.
 *
 * The state passed in is used up: go on with the one in the answer.
 */
export const step = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>,
  events: Iterable<Event>,
  watermarkMillis: number = Watermark.none
): readonly [state: SessionState<V>, changes: Array<Change<V, A>>] => {
  const changes: Array<Change<V, A>> = []
  for (const event of events) accept(spec, state, event, undefined, changes)
  advance(spec, state, watermarkMillis, changes)
  return [state, changes]
}

/** Ends the input: closes every open session, in order of their last events. Later events may still correct them. */
export const end = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>
): readonly [state: SessionState<V>, changes: Array<Change<V, A>>] => {
  const changes: Array<Change<V, A>> = []
  closeAll(spec, state, changes)
  return [state, changes]
}

/** `end`, telling its changes to `changes`. */
export const closeAll = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>,
  changes: Array<Change<V, A>>
): void => {
  const open: Array<Component<V>> = []
  for (const list of state.components.values()) {
    for (const component of list) if (!component.closed) open.push(component)
  }
  open.sort((a, b) => a.last - b.last || (a.key < b.key ? -1 : 1))
  for (const component of open) fire(spec, component, "end", changes)
}

/** Raises the watermark and fires what that makes due; a lower one changes nothing. */
export const advance = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>,
  watermarkMillis: number,
  changes: Array<Change<V, A>>
): void => {
  if (!(watermarkMillis > state.watermarkMillis)) return
  state.watermarkMillis = watermarkMillis
  // Strictly: an event exactly one gap after the last may still come.
  while (watermarkMillis > state.timers.nextMillis()) {
    const timer = state.timers.pop()
    if (timer === undefined) break
    const { component } = timer
    if (component.gone || component.timerAt !== timer.atMillis) continue
    component.timerAt = Number.POSITIVE_INFINITY
    const closeAt = component.last + spec.reachMillis
    const forgetAt = closeAt + spec.latenessMillis
    // A session that went on has an old timer: back into the queue, so that sessions close in the order of their ends.
    if (timer.atMillis < (component.closed ? forgetAt : closeAt)) {
      schedule(state, component, component.closed ? forgetAt : closeAt)
    } else if (component.closed) {
      forget(state, component)
    } else {
      fire(spec, component, "watermark", changes)
      schedule(state, component, forgetAt)
    }
  }
}

/** Takes one event; `appendMillis` counts where the specification names no append time. */
export const accept = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>,
  event: Event,
  appendMillis: number | undefined,
  changes: Array<Change<V, A>>
): void => {
  const { counts } = state
  const key = spec.key(event)
  if (key === null || key === undefined) {
    counts.nullKey++
    return
  }
  const timeMillis = spec.timeMillis(event)
  const reason = refusal(spec, event, timeMillis, spec.appendMillis?.(event) ?? appendMillis)
  if (reason !== undefined) {
    counts.quarantined++
    changes.push({
      _tag: "Quarantined",
      reason,
      key,
      events: 1,
      eventId: spec.eventId(event),
      timeMillis: reason === "time" ? null : timeMillis,
      value: spec.value(event)
    })
    return
  }
  const watermarkMillis = timeMillis - spec.delayMillis
  if (watermarkMillis > state.watermarkMillis) advance(spec, state, watermarkMillis, changes)

  const entry: Entry<V> = { timeMillis, eventId: spec.eventId(event), value: spec.value(event) }
  const list = state.components.get(key)
  if (list === undefined) {
    if (timeMillis < state.watermarkMillis - spec.latenessMillis) refuseLate(state, key, entry, changes)
    else begin(spec, state, key, undefined, 0, entry, changes)
    return
  }
  const reach = spec.reachMillis
  const newest = list[list.length - 1] as Component<V>
  if (timeMillis > newest.last + reach) {
    begin(spec, state, key, list, list.length, entry, changes)
    return
  }
  // The common case: the open session goes on, and nobody was told anything that changes now.
  if (
    timeMillis > newest.last &&
    !newest.closed &&
    !newest.capped &&
    newest.entries.length < spec.maxEvents
  ) {
    if (has(newest, entry.eventId)) {
      counts.duplicates++
      return
    }
    counts.accepted++
    newest.last = timeMillis
    newest.entries.push(entry)
    newest.ids?.add(entry.eventId)
    return
  }
  // What it would join may be forgotten: any answer but this one could be wrong.
  if (timeMillis - reach <= (list[0] as Component<V>).floor) {
    refuseLate(state, key, entry, changes)
    return
  }
  // Sorted and apart from each other: those within reach are neighbours.
  let from = list.length
  while (from > 0 && (list[from - 1] as Component<V>).last + reach >= timeMillis) from--
  let to = from
  while (to < list.length && (list[to] as Component<V>).start - reach <= timeMillis) to++
  if (from === to) begin(spec, state, key, list, from, entry, changes)
  else join(spec, state, list, from, to, entry, changes)
}

/** Why an event gets no session at all; `undefined` when it may have one. */
const refusal = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  event: Event,
  timeMillis: number,
  appendMillis: number | undefined
): "time" | "future" | "bot" | undefined => {
  if (!Number.isSafeInteger(timeMillis)) return "time"
  if (appendMillis !== undefined && timeMillis > appendMillis + spec.maxFutureMillis) return "future"
  return spec.isBot?.(event) === true ? "bot" : undefined
}

/** Tells of an event that came too late. */
const refuseLate = <V extends Json, A>(
  state: SessionState<V>,
  key: string,
  entry: Entry<V>,
  changes: Array<Change<V, A>>
): void => {
  state.counts.late++
  const { watermarkMillis } = state
  changes.push({ _tag: "Late", key, ...entry, watermarkMillis, reason: "beyondLateness" })
}

/** An event that no kept component reaches: a component of its own at position `at`, unless that is over already. */
const begin = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>,
  key: string,
  list: Array<Component<V>> | undefined,
  at: number,
  entry: Entry<V>,
  changes: Array<Change<V, A>>
): void => {
  const { timeMillis } = entry
  const closeAt = timeMillis + spec.reachMillis
  const { watermarkMillis } = state
  if (watermarkMillis > closeAt + spec.latenessMillis) {
    refuseLate(state, key, entry, changes)
    return
  }
  state.counts.accepted++
  const component = makeComponent(key, timeMillis, timeMillis, [entry])
  if (list === undefined) {
    component.floor = watermarkMillis - spec.reachMillis - spec.latenessMillis - 1
    state.components.set(key, [component])
  } else if (at === list.length) {
    list.push(component)
  } else {
    if (at === 0) component.floor = (list[0] as Component<V>).floor
    list.splice(at, 0, component)
  }
  if (watermarkMillis > closeAt) {
    fire(spec, component, "watermark", changes)
    schedule(state, component, closeAt + spec.latenessMillis)
    return
  }
  schedule(state, component, closeAt)
  if (spec.early) show(spec, component, "Opened", null, changes)
}

/** An event within reach of the components `from` … `to − 1` of its key: all of them become one. */
const join = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>,
  list: Array<Component<V>>,
  from: number,
  to: number,
  entry: Entry<V>,
  changes: Array<Change<V, A>>
): void => {
  const joined = list.slice(from, to)
  if (joined.some((component) => has(component, entry.eventId))) {
    state.counts.duplicates++
    return
  }
  state.counts.accepted++
  const target = joined[0] as Component<V>
  const told = joined.flatMap(({ fired, revision, shownId }) =>
    shownId === undefined ? [] : [{ fired, revision, shownId }]
  )
  const wasCapped = joined.some((component) => component.capped)
  for (let i = 1; i < joined.length; i++) absorb(target, joined[i] as Component<V>)
  list.splice(from + 1, to - from - 1)
  insert(target, entry)
  target.revision = Math.max(...joined.map((component) => component.revision))
  target.fired = joined.some((component) => component.fired)

  const capped = wasCapped || target.entries.length > spec.maxEvents
  const id = capped ? null : idOf(target)
  target.shownId = undefined
  let firedIdGone = false
  for (const { fired, revision, shownId } of told) {
    if (shownId === id) {
      target.shownId = id
      continue
    }
    firedIdGone ||= fired
    changes.push({ _tag: "Retracted", key: target.key, sessionId: shownId, revision: revision + 1, into: id })
  }
  if (capped) quarantine(state, target, wasCapped, changes)

  const closeAt = target.last + spec.reachMillis
  if (state.watermarkMillis > closeAt) {
    fire(spec, target, "watermark", changes)
    schedule(state, target, closeAt + spec.latenessMillis)
    return
  }
  target.closed = false
  schedule(state, target, closeAt)
  if (capped) return
  // What was given out must not be gone until the merged session closes again.
  if (firedIdGone) show(spec, target, "Corrected", null, changes)
  else if (spec.early && target.shownId === undefined) show(spec, target, "Opened", null, changes)
}

/** Gives up a component that is too large: its events are let go, its span stays so that what follows joins it. */
const quarantine = <V extends Json, A>(
  state: SessionState<V>,
  component: Component<V>,
  wasCapped: boolean,
  changes: Array<Change<V, A>>
): void => {
  const events = component.entries.length
  state.counts.accepted -= events
  state.counts.quarantined += events
  component.capped = true
  component.entries = []
  component.ids = undefined
  component.folding = undefined
  component.folded = 0
  if (wasCapped) return
  changes.push({
    _tag: "Quarantined",
    reason: "cap",
    key: component.key,
    events,
    eventId: null,
    timeMillis: component.start,
    value: null
  })
}

/** Closes a component and tells its session. */
const fire = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  component: Component<V>,
  closedBy: "watermark" | "end",
  changes: Array<Change<V, A>>
): void => {
  component.closed = true
  if (component.capped) return
  show(spec, component, component.fired ? "Corrected" : "Closed", closedBy, changes)
}

/** Tells a session as it is now, at the next revision. */
const show = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  component: Component<V>,
  tag: "Opened" | "Closed" | "Corrected",
  closedBy: SessionRow<A>["closedBy"],
  changes: Array<Change<V, A>>
): void => {
  component.revision++
  component.shownId ??= idOf(component)
  if (tag !== "Opened") component.fired = true
  changes.push({
    _tag: tag,
    key: component.key,
    sessionId: component.shownId,
    startMillis: component.start,
    lastMillis: component.last,
    events: component.entries.length,
    result: resultOf(spec, component),
    revision: component.revision,
    closedBy
  })
}

const idOf = <V>(component: Component<V>): string => {
  const first = component.entries[0] as Entry<V>
  return sessionId(component.key, first.timeMillis, first.eventId)
}

/** Folds what was not folded yet. */
const resultOf = <Event, V extends Json, A>(spec: SessionSpec<Event, V, A>, component: Component<V>): A => {
  const { fold } = spec
  const { entries } = component
  let folding = component.folded === 0 ? fold.init() : component.folding
  for (let i = component.folded; i < entries.length; i++) {
    const { timeMillis, value } = entries[i] as Entry<V>
    folding = fold.add(folding, value, timeMillis)
  }
  component.folding = folding
  component.folded = entries.length
  return fold.done(folding)
}
