/** Looking at sessions between steps: what a fold knows of a session before it closes. */
import type { CanonicalJson } from "@troupe/views"
import { foldingOf, idOf } from "./Firing.ts"
import type { SessionSpec } from "./SessionSpec.ts"
import type { Component, Entry, SessionState } from "./SessionState.ts"

type Json = CanonicalJson.Json

/** A session that is kept, as it is now. */
export interface Sight<V> {
  readonly key: string
  readonly sessionId: string
  /** Its events in order of time and id. They are the session's own: do not change them. */
  readonly entries: ReadonlyArray<Entry<V>>
  /** The fold's state after all of them; do not change it either. */
  readonly folding: unknown
  /** True while events in time can join. */
  readonly open: boolean
}

const sightOf = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  component: Component<V>
): Sight<V> => ({
  key: component.key,
  sessionId: component.shownId ?? idOf(component),
  entries: component.entries,
  folding: foldingOf(spec, component),
  open: !component.closed
})

/**
 * The session of `key` that holds the moment `timeMillis`, folded up to now; `undefined` when none does, or when it was
 * given up as too large. Asked after each event, it costs one step of the fold unless the event came out of order.
 */
export const at = <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>,
  key: string,
  timeMillis: number
): Sight<V> | undefined => {
  const list = state.components.get(key) ?? []
  for (let i = list.length - 1; i >= 0; i--) {
    const component = list[i] as Component<V>
    if (timeMillis < component.start) continue
    return timeMillis > component.last || component.capped ? undefined : sightOf(spec, component)
  }
  return undefined
}

/** All sessions that are kept, open and closed, key by key; those given up as too large are left out. */
export const all = function* <Event, V extends Json, A>(
  spec: SessionSpec<Event, V, A>,
  state: SessionState<V>
): Generator<Sight<V>, void, void> {
  for (const list of state.components.values()) {
    for (const component of list) if (!component.capped) yield sightOf(spec, component)
  }
}

/** Forgets what was folded, so that all sessions are folded afresh when they are next looked at: for a new fold. */
export const refold = <V>(state: SessionState<V>): void => {
  for (const list of state.components.values()) {
    for (const component of list) {
      component.folding = undefined
      component.folded = 0
    }
  }
}
