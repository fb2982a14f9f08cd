import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type JsonCodec, jsonCodec } from "./JsonCodec.ts"
import type { AnyUpcaster, EventClass, Ordered, Tagged } from "./Upcaster.ts"

/** A stored event that neither a schema of today nor an upcaster can make sense of. Nothing is lost: it stays stored as it is. */
export class UnknownEvent extends Schema.TaggedError<UnknownEvent>()("UnknownEvent", {
  /** Position among the events that were decoded together, from 0. */
  index: Schema.Int,
  /** The event's tag, where it has one. */
  tag: Schema.optionalKey(Schema.String),
  /** What is wrong and what to do about it. */
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `event ${this.index + 1}${this.tag === undefined ? "" : ` ("${this.tag}")`} ${this.detail}`
  }
}

/** An upcaster, ready to be asked whether it takes an event. */
interface Step {
  readonly stored: JsonCodec<Tagged>
  readonly takes: (event: unknown) => boolean
  readonly to: (old: Tagged) => Tagged | ReadonlyArray<Tagged>
}

/**
 * The events of one history as JSON and back, whatever the version they were stored in.
 *
 * The version of a stored event is the newest one that it fits: today's schemas first, then the upcasters from the last of
 * the list to the first. Only what does not fit today's schemas pays for more than one attempt.
 */
export class EventCodec<Event extends Tagged> {
  private readonly today: JsonCodec<ReadonlyArray<Event>>
  private readonly single: JsonCodec<Event>
  private readonly isToday: (event: unknown) => event is Event
  private readonly steps: ReadonlyArray<Step>

  constructor(events: ReadonlyArray<EventClass>, upcasters: ReadonlyArray<AnyUpcaster>) {
    const event = Schema.Union(events) as unknown as Schema.Codec<Event, unknown>
    this.today = jsonCodec(Schema.Array(event))
    this.single = jsonCodec(event)
    const isOf = events.map(instanceOf)
    this.isToday = (value): value is Event => isOf.some((is) => is(value))
    this.steps = upcasters.map(({ from, to }) => ({
      stored: jsonCodec(from),
      takes: instanceOf(from),
      to: to as Step["to"]
    }))
  }

  /** Throws on an event that does not fit its schema: storing it would make a history that nobody can read. */
  encode(events: ReadonlyArray<Event>): ReadonlyArray<Schema.Json> {
    return this.today.encode(events) as ReadonlyArray<Schema.Json>
  }

  decode(stored: ReadonlyArray<Schema.Json>): Result.Result<ReadonlyArray<Event>, UnknownEvent> {
    const all = this.today.decode(stored)
    if (Exit.isSuccess(all)) return Result.succeed(all.value)
    const events: Array<Event> = []
    for (let index = 0; index < stored.length; index++) {
      const unknown = this.decodeOne(stored[index], index, events)
      if (unknown !== undefined) return Result.fail(unknown)
    }
    return Result.succeed(events)
  }

  /** Adds what a stored event is today to `events`, or says why it cannot. */
  private decodeOne(stored: unknown, index: number, events: Array<Event>): UnknownEvent | undefined {
    const single = this.single.decode(stored)
    if (Exit.isSuccess(single)) {
      events.push(single.value)
      return undefined
    }
    for (let at = this.steps.length - 1; at >= 0; at--) {
      const old = (this.steps[at] as Step).stored.decode(stored)
      if (Exit.isSuccess(old)) return this.climb(old.value, at, index, events)
    }
    return new UnknownEvent({ index, ...tagOf(stored), detail: unknownStored, cause: single.cause })
  }

  /** Takes an old event one version up, and each event that comes of it further, until all are of today. */
  private climb(old: Tagged, at: number, index: number, events: Array<Event>): UnknownEvent | undefined {
    const made = Result.try({ try: () => (this.steps[at] as Step).to(old), catch: (cause) => cause })
    if (Result.isFailure(made)) {
      return new UnknownEvent({ index, tag: old._tag, detail: thrown, cause: made.failure })
    }
    for (const event of isMany(made.success) ? made.success : [made.success]) {
      if (this.isToday(event)) {
        events.push(event)
        continue
      }
      const next = this.steps.findLastIndex((step, position) => position > at && step.takes(event))
      if (next < 0) return new UnknownEvent({ index, tag: old._tag, detail: unknownMade })
      const unknown = this.climb(event, next, index, events)
      if (unknown !== undefined) return unknown
    }
    return undefined
  }
}

const unknownStored =
  "fits no schema in `events`, and no upcaster takes it: keep its schema in the code and add " +
  "`EventSourced.upcast(OldSchema, (old) => …)` to `upcasters`, or run the version that wrote it."
const unknownMade =
  "was upcast to what fits no schema in `events` and no later upcaster takes: make the event with its class (`new Deposited(…)`)."
const thrown =
  "could not be upcast, its upcaster threw: an upcaster must accept every event of its old schema."

/** `Schema.is` takes instances of another class with the same identifier too, and versions of an event often share theirs. */
const instanceOf = (schema: EventClass): ((event: unknown) => boolean) =>
  typeof schema === "function"
    ? (event) => event instanceof (schema as unknown as new (...args: ReadonlyArray<never>) => Tagged)
    : Schema.is(schema)

const isMany = (made: Tagged | ReadonlyArray<Tagged>): made is ReadonlyArray<Tagged> => Array.isArray(made)

const tagOf = (stored: unknown): { readonly tag?: string } =>
  typeof stored === "object" && stored !== null && "_tag" in stored && typeof stored._tag === "string"
    ? { tag: stored._tag }
    : {}

/**
 * A reader of stored events for whoever follows histories besides their actor (a view, an archive): the same schemas, the
 * same upcasters, the same answer.
 */
export const decodeEvents = <
  const Events extends ReadonlyArray<EventClass>,
  const Upcasters extends ReadonlyArray<AnyUpcaster> = readonly []
>(options: {
  readonly events: Events
  /** As in `make`. */
  readonly upcasters?: Upcasters & Ordered<Upcasters, Events[number]["Type"]>
}): ((
  stored: ReadonlyArray<Schema.Json>
) => Result.Result<ReadonlyArray<Events[number]["Type"]>, UnknownEvent>) => {
  const codec = new EventCodec<Events[number]["Type"]>(options.events, options.upcasters ?? [])
  return (stored) => codec.decode(stored)
}
