/** What event time itself does to sessions: closing and forgetting. */
import type { CanonicalJson } from "@troupe/views"
import type { Change } from "./Change.ts"
import { fire } from "./Firing.ts"
import type { SessionSpec } from "./SessionSpec.ts"
import { type Component, forget, type SessionState, schedule } from "./SessionState.ts"

type Json = CanonicalJson.Json

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

/** Closes every open session, in order of their last events, then by key. */
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
