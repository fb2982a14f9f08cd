import { type CanonicalJson, Codec } from "@troupe/views"
import * as Schema from "effect/Schema"
import type { SessionSpec } from "./SessionSpec.ts"
import {
  type Component,
  type Counts,
  type Entry,
  initial,
  makeComponent,
  type SessionState,
  schedule
} from "./SessionState.ts"
import * as Watermark from "./Watermark.ts"

/** Bytes that are no snapshot of session state. Rebuild the state from the log. */
export class SnapshotInvalid extends Schema.TaggedError<SnapshotInvalid>()("SnapshotInvalid", {
  detail: Schema.String
}) {
  override get message() {
    return `not a snapshot of session state: ${this.detail}. Rebuild the state by replaying the log.`
  }
}

/** The layout below; other layouts are refused. */
const layout = 1

/** `[key, start, last, revision, flags, shownId, floor, entries as [time, id, value]]` */
type PlainComponent = readonly [
  key: string,
  start: number,
  last: number,
  revision: number,
  flags: number,
  shownId: string | null,
  floor: number | null,
  entries: ReadonlyArray<readonly [number, string, unknown]>
]

interface Plain {
  readonly layout: number
  readonly watermarkMillis: number | null
  readonly counts: Counts
  readonly components: ReadonlyArray<PlainComponent>
}

const firedFlag = 1
const closedFlag = 2
const cappedFlag = 4

const toPlain = <V>(component: Component<V>): PlainComponent => [
  component.key,
  component.start,
  component.last,
  component.revision,
  (component.fired ? firedFlag : 0) |
    (component.closed ? closedFlag : 0) |
    (component.capped ? cappedFlag : 0),
  component.shownId ?? null,
  component.floor === Watermark.none ? null : component.floor,
  component.entries.map(({ eventId, timeMillis, value }) => [timeMillis, eventId, value])
]

const json = Codec.plainJson<unknown>()

/**
 * Session state as bytes (JSON) and back, exactly: going on from a decoded snapshot gives the same changes, and the same
 * later snapshots, as going on undisturbed. Equal states have equal bytes. `decode` throws `SnapshotInvalid`.
 *
 * The fold's own state is not stored: it is folded again from the entries.
 */
export const codec = <Event, V extends CanonicalJson.Json, A>(
  spec: SessionSpec<Event, V, A>
): Codec.Codec<SessionState<V>> => ({
  encode: (state) =>
    json.encode({
      layout,
      watermarkMillis: state.watermarkMillis === Watermark.none ? null : state.watermarkMillis,
      counts: state.counts,
      components: [...state.components.values()].flatMap((list) => list.map(toPlain))
    } satisfies Plain),
  decode: (bytes) => {
    const plain = parse(bytes)
    const state = initial<V>()
    state.watermarkMillis = plain.watermarkMillis ?? Watermark.none
    Object.assign(state.counts, plain.counts)
    for (const [key, start, last, revision, flags, shownId, floor, entries] of plain.components) {
      const component = makeComponent(
        key,
        start,
        last,
        // The only writer of these values is `encode`, which had a V.
        entries.map(([timeMillis, eventId, value]): Entry<V> => ({ timeMillis, eventId, value: value as V }))
      )
      component.revision = revision
      component.fired = (flags & firedFlag) !== 0
      component.closed = (flags & closedFlag) !== 0
      component.capped = (flags & cappedFlag) !== 0
      component.shownId = shownId ?? undefined
      component.floor = floor ?? Watermark.none
      const list = state.components.get(key)
      if (list === undefined) state.components.set(key, [component])
      else list.push(component)
      const closeAt = last + spec.reachMillis
      schedule(state, component, component.closed ? closeAt + spec.latenessMillis : closeAt)
    }
    return state
  }
})

const parse = (bytes: Uint8Array): Plain => {
  let value: unknown
  try {
    value = json.decode(bytes)
  } catch (cause) {
    throw new SnapshotInvalid({ detail: cause instanceof Error ? cause.message : String(cause) })
  }
  if (!isPlain(value)) throw new SnapshotInvalid({ detail: "it has another shape" })
  if (value.layout !== layout) {
    throw new SnapshotInvalid({ detail: `it has layout ${value.layout}, this code reads ${layout}` })
  }
  return value
}

const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" &&
  value !== null &&
  "layout" in value &&
  "watermarkMillis" in value &&
  "counts" in value &&
  typeof value.counts === "object" &&
  "components" in value &&
  Array.isArray(value.components) &&
  value.components.every((component) => Array.isArray(component) && component.length === 8)
