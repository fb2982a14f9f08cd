/**
 * The live engine: pure given the state it is handed, whose pieces it may change in place.
 *
 * Every rule is applied event by event, the watermark too, so where chunks are cut changes nothing: neither the final
 * state nor one change.
 */
import type { CanonicalJson } from "@troupe/views"
import { accept } from "./Accept.ts"
import { advance, closeAll } from "./Advance.ts"
import type { Change } from "./Change.ts"
import type { SessionSpec } from "./SessionSpec.ts"
import type { SessionState } from "./SessionState.ts"
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
