import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Broker } from "./Broker.ts"
import { makeLocalBroker } from "./backend/LocalBroker.ts"
import { makeMemoryStorage } from "./backend/MemoryStorage.ts"
import { type Faults, withFaults } from "./Faults.ts"

const makeMemoryBroker = Effect.suspend(() =>
  makeLocalBroker(makeMemoryStorage(), { backend: "memory", durability: "memory" })
)

/**
 * The broker in this process's memory: every promise of the port, for as long as the layer lives.
 *
 * For tests and trials; takes its time from `Clock` only, so it runs under `TestClock`.
 */
export const layerMemory: Layer.Layer<Broker> = Layer.effect(Broker, makeMemoryBroker)

/** `layerMemory` with faults injected into its appends: from a seed (`seededFaults`), or one by one. */
export const layerMemoryWith = (options: { readonly faults: Faults }): Layer.Layer<Broker> =>
  Layer.effect(
    Broker,
    Effect.map(makeMemoryBroker, (broker) => withFaults(broker, options.faults))
  )
