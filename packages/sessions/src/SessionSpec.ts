import type { CanonicalJson } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Fold } from "./Fold.ts"

/** A number in a session specification that cannot be; the message says which and what it must be. */
export class InvalidSpec extends Schema.TaggedError<InvalidSpec>()("InvalidSpec", {
  field: Schema.String,
  value: Schema.Number,
  rule: Schema.String
}) {
  override get message() {
    return `Sessions.define: ${this.field} is ${this.value}, and ${this.rule}`
  }
}

/** What sessions are made of, as `define` takes it. */
export interface SessionOptions<Event, V extends CanonicalJson.Json, A> {
  /** Whose event it is; an event without a key is counted and skipped. */
  readonly key: (event: Event) => string | null | undefined
  /** Names one event for ever: seen again in a session that is still kept, it is ignored. */
  readonly eventId: (event: Event) => string
  /** When it happened, in whole milliseconds since 1970. */
  readonly timeMillis: (event: Event) => number
  /** What the fold sees of an event: kept as long as the session is, and in snapshots as JSON. Keep it small. */
  readonly value: (event: Event) => V
  readonly fold: Fold<NoInfer<V>, A>
  /** The longest silence inside a session, in whole milliseconds; at least 1. */
  readonly gapMillis: number
  /** `inclusive` (default): exactly one gap apart is the same session. `exclusive`: it is two. */
  readonly boundary?: "inclusive" | "exclusive"
  /** How far the watermark stays behind the newest event; default 2 minutes. */
  readonly delayMillis?: number
  /** How long after its close a session is kept for late events; default 24 hours. */
  readonly latenessMillis?: number
  /** When the event was appended; default in a view: the record's time. Without it no event is ever too far ahead. */
  readonly appendMillis?: (event: Event) => number
  /** An event this much later than its append time is quarantined; default 5 minutes, `Infinity` for never. */
  readonly maxFutureMillis?: number
  /** A session with more events than this is no person: it is quarantined; default 10 000. */
  readonly maxEvents?: number
  /** True for an event of a robot: quarantined before it gets a session. Default: none is. */
  readonly isBot?: (event: Event) => boolean
  /** True tells of a session when it begins too (`Opened`, provisional); default false. */
  readonly early?: boolean
}

/** A specification of sessions: plain data that batch, step and view share. Made by `define`. */
export interface SessionSpec<Event, V extends CanonicalJson.Json, A> {
  readonly key: (event: Event) => string | null | undefined
  readonly eventId: (event: Event) => string
  readonly timeMillis: (event: Event) => number
  readonly value: (event: Event) => V
  readonly fold: Fold<V, A>
  readonly gapMillis: number
  readonly boundary: "inclusive" | "exclusive"
  readonly delayMillis: number
  readonly latenessMillis: number
  readonly appendMillis: ((event: Event) => number) | undefined
  readonly maxFutureMillis: number
  readonly maxEvents: number
  readonly isBot: ((event: Event) => boolean) | undefined
  readonly early: boolean
  /** The longest distance between neighbours of one session: the gap, or 1 ms less where the boundary is exclusive. */
  readonly reachMillis: number
}

const minute = 60_000

/** The default delay of the watermark: 2 minutes. */
export const defaultDelayMillis = 2 * minute
/** The default lateness: 24 hours. */
export const defaultLatenessMillis = 24 * 60 * minute

/**
 * Makes a specification from `options` and defaults. Throws `InvalidSpec` for a gap that is not above 0, a negative
 * lateness or another number that cannot be; `make` fails with it instead.
 */
export const define = <Event, V extends CanonicalJson.Json, A>(
  options: SessionOptions<Event, V, A>
): SessionSpec<Event, V, A> => {
  const spec = withDefaults(options)
  const problem = problemOf(spec)
  if (problem !== undefined) throw problem
  return spec
}

/** `define` for numbers that come from outside: fails with `InvalidSpec`. */
export const make = <Event, V extends CanonicalJson.Json, A>(
  options: SessionOptions<Event, V, A>
): Effect.Effect<SessionSpec<Event, V, A>, InvalidSpec> =>
  Effect.suspend(() => {
    const spec = withDefaults(options)
    const problem = problemOf(spec)
    return problem === undefined ? Effect.succeed(spec) : Effect.fail(problem)
  })

const withDefaults = <Event, V extends CanonicalJson.Json, A>(
  options: SessionOptions<Event, V, A>
): SessionSpec<Event, V, A> => {
  const boundary = options.boundary ?? "inclusive"
  return {
    key: options.key,
    eventId: options.eventId,
    timeMillis: options.timeMillis,
    value: options.value,
    fold: options.fold,
    gapMillis: options.gapMillis,
    boundary,
    delayMillis: options.delayMillis ?? defaultDelayMillis,
    latenessMillis: options.latenessMillis ?? defaultLatenessMillis,
    appendMillis: options.appendMillis,
    maxFutureMillis: options.maxFutureMillis ?? 5 * minute,
    maxEvents: options.maxEvents ?? 10_000,
    isBot: options.isBot,
    early: options.early ?? false,
    reachMillis: boundary === "inclusive" ? options.gapMillis : options.gapMillis - 1
  }
}

const problemOf = <Event, V extends CanonicalJson.Json, A>(
  spec: SessionSpec<Event, V, A>
): InvalidSpec | undefined => {
  const bounds: ReadonlyArray<readonly [field: keyof typeof spec & string, value: number, least: number]> = [
    ["gapMillis", spec.gapMillis, 1],
    ["delayMillis", spec.delayMillis, 0],
    ["latenessMillis", spec.latenessMillis, 0],
    ["maxEvents", spec.maxEvents, 1],
    ["maxFutureMillis", spec.maxFutureMillis === Number.POSITIVE_INFINITY ? 0 : spec.maxFutureMillis, 0]
  ]
  for (const [field, value, least] of bounds) {
    if (!Number.isSafeInteger(value) || value < least) {
      return new InvalidSpec({ field, value, rule: `must be a whole number of at least ${least}` })
    }
  }
  return undefined
}

/** The numbers that a session's boundaries depend on: part of a view's digest. */
export const toConfig = <Event, V extends CanonicalJson.Json, A>(
  spec: SessionSpec<Event, V, A>
): CanonicalJson.Json => ({
  gapMillis: spec.gapMillis,
  boundary: spec.boundary,
  delayMillis: spec.delayMillis,
  latenessMillis: spec.latenessMillis,
  maxFutureMillis: Number.isFinite(spec.maxFutureMillis) ? spec.maxFutureMillis : null,
  maxEvents: spec.maxEvents,
  early: spec.early
})
