/** What one event does to sessions. */
import type { CanonicalJson } from "@troupe/views"
import { advance } from "./Advance.ts"
import type { Change } from "./Change.ts"
import { fire, idOf, show } from "./Firing.ts"
import type { SessionSpec } from "./SessionSpec.ts"
import {
  absorb,
  type Component,
  type Entry,
  has,
  insert,
  makeComponent,
  type SessionState,
  schedule
} from "./SessionState.ts"

type Json = CanonicalJson.Json

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
  if (timeMillis > newest.last && hasRoom(spec, newest)) {
    extend(state, newest, entry)
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
  if (from === to) {
    begin(spec, state, key, list, from, entry, changes)
    return
  }
  const reached = list[from] as Component<V>
  if (to - from === 1 && reached.shownId === undefined && hasRoom(spec, reached)) {
    extend(state, reached, entry)
  } else {
    join(spec, state, list, from, to, entry, changes)
  }
}

/** True while a component is open and takes another event as a matter of course. */
const hasRoom = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  component: Component<V>
): boolean => !component.closed && !component.capped && component.entries.length < spec.maxEvents

/** Puts an event into an open component of which nothing that was told changes. */
const extend = <V>(state: SessionState<V>, component: Component<V>, entry: Entry<V>): void => {
  if (has(component, entry.eventId)) {
    state.counts.duplicates++
    return
  }
  state.counts.accepted++
  insert(component, entry)
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
