import type { CanonicalJson } from "@troupe/views"
import * as Stream from "effect/Stream"
import type { Change } from "./Change.ts"
import type { SessionSpec } from "./SessionSpec.ts"
import { initial } from "./SessionState.ts"
import { end, step } from "./Step.ts"

/**
 * The changes that a stream of events makes, chunk by chunk; the end of the stream is the end of the input and closes
 * every open session. A stream that fails closes none.
 */
export const changes =
  <Event, V extends CanonicalJson.Json, A>(spec: SessionSpec<Event, V, A>) =>
  <E, R>(events: Stream.Stream<Event, E, R>): Stream.Stream<Change<V, A>, E, R> =>
    Stream.suspend(() => {
      let state = initial<V>()
      const stepped = Stream.mapAccumArray(
        events,
        () => state,
        (before, chunk) => {
          const after = step(spec, before, chunk)
          state = after[0]
          return after
        }
      )
      // Not `onHalt`: that runs after a failure too.
      return Stream.concat(
        stepped,
        Stream.suspend(() => Stream.fromArray(end(spec, state)[1]))
      )
    })
