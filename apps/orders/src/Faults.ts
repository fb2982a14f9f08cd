import { Subject } from "@troupe/broker"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** The services an order passes. */
export const ServiceName = Schema.Literals(["payment", "warehouse", "USPS", "FedEx"])
export type ServiceName = typeof ServiceName.Type

/** How a service behaves. */
export const ServiceState = Schema.Literals(["up", "slow", "down"])
export type ServiceState = typeof ServiceState.Type

/** A service cannot be reached. Nothing happened there; try again later. */
export class ServiceDown extends Schema.TaggedError<ServiceDown>()("ServiceDown", { service: ServiceName }) {
  override get message() {
    return `${this.service} cannot be reached. Nothing was done there; try again in a moment.`
  }
}

/** A service did not answer in time: it may or may not have done its work. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", {
  service: ServiceName,
  afterMillis: Schema.Number
}) {
  override get message() {
    return `${this.service} gave no answer within ${this.afterMillis} ms: the work may have been done. Ask again with the same idempotency key.`
  }
}

/** When a service is down: always, never, or for some orders' references. */
export type Outage = boolean | ((reference: string) => boolean)

const latencyMillis: Readonly<Record<ServiceName, readonly [number, number]>> = {
  payment: [20, 60],
  warehouse: [5, 15],
  USPS: [15, 45],
  FedEx: [10, 40]
}

/** How long a caller waits for a service before it gives up, in milliseconds at speed 1. */
const patienceMillis = 400
/** A slow service takes this many times its latency. */
const slowness = 5

/**
 * The weather between the shop and its services: latency from a seed, outages and lost answers on demand.
 * The services themselves are real; only the way to them fails.
 */
export class Faults extends Context.Service<
  Faults,
  {
    /** Calls a service: waits its latency, fails when it is down, loses the answer when that was arranged. */
    readonly call: <A, E, R>(
      service: ServiceName,
      reference: string,
      work: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | ServiceDown | NoAnswer, R>
    readonly setState: (service: ServiceName, state: ServiceState) => Effect.Effect<void>
    readonly setOutage: (service: ServiceName, outage: Outage) => Effect.Effect<void>
    /** Loses the first answer of the payment service for these references: the work is done, the caller never learns. */
    readonly loseFirstAnswer: (chosen: (reference: string) => boolean) => Effect.Effect<void>
    readonly states: Effect.Effect<Readonly<Record<ServiceName, ServiceState>>>
  }
>()("@troupe/orders/Faults") {
  /** `speed` divides every latency; `seed` chooses them. */
  static readonly layer = (options: { readonly seed: number; readonly speed: number }) =>
    Layer.sync(Faults, () => {
      const states: Record<ServiceName, ServiceState> = {
        payment: "up",
        warehouse: "up",
        USPS: "up",
        FedEx: "up"
      }
      const outages: Partial<Record<ServiceName, Outage>> = {}
      const answered = new Set<string>()
      let losesAnswer: (reference: string) => boolean = () => false

      const isDown = (service: ServiceName, reference: string) => {
        const outage = outages[service] ?? false
        return states[service] === "down" || (typeof outage === "boolean" ? outage : outage(reference))
      }
      const latencyOf = (service: ServiceName, reference: string) => {
        const [least, most] = latencyMillis[service]
        const share = (Subject.fnv1a32(`${options.seed}:${service}:${reference}`) % 1000) / 1000
        return (least + share * (most - least)) * (states[service] === "slow" ? slowness : 1)
      }

      return Faults.of({
        call: Effect.fnUntraced(function* (service, reference, work) {
          const latency = latencyOf(service, reference)
          if (isDown(service, reference)) {
            yield* Effect.sleep(Math.min(5, latency) / options.speed)
            return yield* new ServiceDown({ service })
          }
          yield* Effect.sleep(latency / options.speed)
          const result = yield* work
          if (service === "payment" && losesAnswer(reference) && !answered.has(reference)) {
            answered.add(reference)
            yield* Effect.sleep((patienceMillis - latency) / options.speed)
            return yield* new NoAnswer({ service, afterMillis: patienceMillis })
          }
          return result
        }),
        setState: (service, state) =>
          Effect.sync(() => {
            states[service] = state
          }),
        setOutage: (service, outage) =>
          Effect.sync(() => {
            outages[service] = outage
          }),
        loseFirstAnswer: (chosen) =>
          Effect.sync(() => {
            answered.clear()
            losesAnswer = chosen
          }),
        states: Effect.sync(() => ({ ...states }))
      })
    })
}
