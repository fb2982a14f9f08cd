import { type CanonicalJson, Codec, View } from "@troupe/views"
import { accept } from "./Accept.ts"
import { advance, closeAll } from "./Advance.ts"
import type { Change } from "./Change.ts"
import * as Control from "./Control.ts"
import { type SessionSpec, toConfig } from "./SessionSpec.ts"
import { initial, type SessionState } from "./SessionState.ts"
import * as Snapshot from "./Snapshot.ts"

/** Changes when the engine may answer differently for the same input: part of every session view's digest. */
const engine = "sessions-1"

/** A record as a view's fold gets it. */
export type ViewRecord = Parameters<View.View<unknown, unknown>["fold"]>[1][number]

/** A view of sessions. */
export interface SessionViewOptions<Event, V extends CanonicalJson.Json, A> {
  readonly name: string
  readonly version: number
  readonly spec: SessionSpec<Event, V, A>
  /** The event in a record; `undefined` for a record that is about something else. A throw stops the partition. */
  readonly decode: (record: ViewRecord) => Event | undefined
  /** Raise it when the fold or `decode` answers differently though no number of the specification changed. */
  readonly codeVersion?: string
}

/**
 * A versioned view whose fold is `step`: each partition keeps the sessions of its own keys, and its outputs are the changes.
 *
 * Control records (`Control`) end the input or move an idle partition's watermark. An event is too far in the future
 * when it is so for its record's append time, unless the specification names another one. The digest covers every
 * number of the specification.
 */
export const view = <Event, V extends CanonicalJson.Json, A>(
  options: SessionViewOptions<Event, V, A>
): View.View<SessionState<V>, Change<V, A>> => {
  const { decode, spec } = options
  return View.define<SessionState<V>, Change<V, A>>({
    name: options.name,
    version: options.version,
    codeVersion: options.codeVersion === undefined ? engine : `${engine} ${options.codeVersion}`,
    config: toConfig(spec),
    initial: () => initial<V>(),
    fold: (state, chunk) => {
      const outputs: Array<Change<V, A>> = []
      for (const record of chunk) {
        const control = Control.ofHeaders(record.headers)
        if (control === undefined) {
          const event = decode(record)
          if (event !== undefined) accept(spec, state, event, record.timeMillis, outputs)
        } else if (control._tag === "EndOfInput") {
          closeAll(spec, state, outputs)
        } else {
          advance(spec, state, control.timeMillis - spec.delayMillis, outputs)
        }
      }
      return { state, outputs }
    },
    state: Snapshot.codec(spec),
    output: Codec.plainJson<Change<V, A>>()
  })
}
