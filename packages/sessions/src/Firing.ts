import type { CanonicalJson } from "@troupe/views"
import type { Change, SessionRow } from "./Change.ts"
import { sessionId } from "./SessionId.ts"
import type { SessionSpec } from "./SessionSpec.ts"
import type { Component, Entry } from "./SessionState.ts"

type Json = CanonicalJson.Json

/** Closes a component and tells its session. */
export const fire = <Event, V extends Json, A>(
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
export const show = <Event, V extends Json, A>(
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

/** The id of a component's session; it must have events. */
export const idOf = <V>(component: Component<V>): string => {
  const first = component.entries[0] as Entry<V>
  return sessionId(component.key, first.timeMillis, first.eventId)
}

/** The fold's state after all events of a component: folds what was not folded yet. */
export const foldingOf = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  component: Component<V>
): unknown => {
  const { fold } = spec
  const { entries } = component
  let folding = component.folded === 0 ? fold.init() : component.folding
  for (let i = component.folded; i < entries.length; i++) {
    const { timeMillis, value } = entries[i] as Entry<V>
    folding = fold.add(folding, value, timeMillis)
  }
  component.folding = folding
  component.folded = entries.length
  return folding
}

const resultOf = <Event, V extends Json, A>(spec: SessionSpec<Event, V, A>, component: Component<V>): A =>
  spec.fold.done(foldingOf(spec, component))
