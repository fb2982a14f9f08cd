import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Broker } from "./Broker.ts"
import { BrokerError, Busy, Unavailable, Unknown } from "./BrokerError.ts"
import type { Appended, AppendRequest, Topic } from "./Topic.ts"

/** What happens to one append instead of, or before, its success. */
export interface Fault {
  /**
   * `Busy` and `Unavailable` store nothing. `Unknown` answers nothing: `stored` says whether the records are there.
   * Absent: only the delays.
   */
  readonly failure?: "Busy" | "Unavailable" | { readonly unknown: { readonly stored: boolean } }
  /** Wait before the broker takes the append: appends of other fibers may overtake it. */
  readonly delayBeforeMillis?: number
  /** Wait between the store and the answer. */
  readonly delayAfterMillis?: number
}

/** Decides the fate of each append in turn; `undefined` lets it through. */
export interface Faults {
  readonly next: (at: {
    readonly topic: string
    readonly requests: ReadonlyArray<AppendRequest>
  }) => Fault | undefined
}

/** Rates are probabilities 0 … 1 per append. */
export interface FaultRates {
  /** The same seed gives the same faults to the same sequence of appends. */
  readonly seed: number
  /** Only for appends with a check or a message id: without them no backend is ever busy. */
  readonly busy?: number
  readonly unavailable?: number
  /** Half of them are stored, half are not. */
  readonly unknown?: number
  /** Delays before and after, each from 0 to this; default none. */
  readonly delayMillisMax?: number
}

/** Random numbers in [0, 1) from a seed. Source: mulberry32, public domain. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const isChecked = (request: AppendRequest): boolean =>
  request.expectLast !== undefined || request.expectLastOn !== undefined || request.messageId !== undefined

/** Faults at given rates, reproducible from a seed. */
export const seededFaults = (rates: FaultRates): Faults => {
  const random = randomFrom(rates.seed)
  const { busy = 0, delayMillisMax = 0, unavailable = 0, unknown = 0 } = rates
  return {
    next: ({ requests }) => {
      // Always the same number of draws, so that one append's fate does not shift the next one's.
      const [roll, stored, before, after] = [random(), random() < 0.5, random(), random()]
      const fault: Fault = {
        delayBeforeMillis: Math.floor(before * delayMillisMax),
        delayAfterMillis: Math.floor(after * delayMillisMax)
      }
      if (roll < busy) return requests.some(isChecked) ? { ...fault, failure: "Busy" } : fault
      if (roll < busy + unavailable) return { ...fault, failure: "Unavailable" }
      if (roll < busy + unavailable + unknown) return { ...fault, failure: { unknown: { stored } } }
      return fault
    }
  }
}

const pause = (millis: number | undefined): Effect.Effect<void> =>
  millis === undefined || millis <= 0 ? Effect.void : Effect.sleep(Duration.millis(millis))

const faulty = <A>(
  fault: Fault,
  topic: string,
  append: Effect.Effect<A, BrokerError>
): Effect.Effect<A, BrokerError> => {
  const { failure } = fault
  const fail = (reason: Busy | Unavailable | Unknown) =>
    Effect.fail(
      new BrokerError({
        reason,
        operation: `append to ${topic}`,
        detail: "A fault was injected here: retry with the same messageId."
      })
    )
  const outcome =
    failure === undefined
      ? append
      : failure === "Busy"
        ? fail(new Busy())
        : failure === "Unavailable"
          ? fail(new Unavailable())
          : Effect.andThen(failure.unknown.stored ? Effect.exit(append) : Effect.void, fail(new Unknown()))
  return Effect.andThen(
    pause(fault.delayBeforeMillis),
    Effect.tap(outcome, () => pause(fault.delayAfterMillis))
  )
}

const faultyTopic = (topic: Topic, faults: Faults): Topic => ({
  ...topic,
  append: (request): Effect.Effect<Appended, BrokerError> =>
    Effect.suspend(() => {
      const fault = faults.next({ topic: topic.name, requests: [request] })
      return fault === undefined ? topic.append(request) : faulty(fault, topic.name, topic.append(request))
    }),
  appendAt: (request) =>
    Effect.suspend(() => {
      const fault = faults.next({ topic: topic.name, requests: [request] })
      return fault === undefined
        ? topic.appendAt(request)
        : faulty(fault, topic.name, topic.appendAt(request))
    }),
  appendAll: (requests) =>
    Effect.suspend(() => {
      const fault = faults.next({ topic: topic.name, requests })
      return fault === undefined
        ? topic.appendAll(requests)
        : faulty(fault, topic.name, topic.appendAll(requests))
    })
})

/** The same broker with faults injected into its appends: what a network and a busy cluster do to a caller. */
export const withFaults = (broker: Broker["Service"], faults: Faults): Broker["Service"] => ({
  ...broker,
  topic: (spec) => Effect.map(broker.topic(spec), (topic) => faultyTopic(topic, faults))
})
