import type { CanonicalJson } from "@troupe/views"
import * as Stream from "effect/Stream"
import type { Change } from "./Change.ts"
import type { SessionSpec } from "./SessionSpec.ts"
import { initial } from "./SessionState.ts"
import { end, step } from "./Step.ts"

/**
 * The changes that a stream of events makes, chunk by chunk; the end of the stream is the end of the input and closes
 * every open session.
 */
export const changes =
  <Event, V extends CanonicalJson.Json, A>(spec: SessionSpec<Event, V, A>) =>
  <E, R>(events: Stream.Stream<Event, E, R>): Stream.Stream<Change<V, A>, E, R> =>
    Stream.mapAccumArray(
      events,
      () => initial<V>(),
      (state, chunk) => step(spec, state, chunk),
      {
        onHalt: (state) => end(spec, state)[1]
      }
    )
