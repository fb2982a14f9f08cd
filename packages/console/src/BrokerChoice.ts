import { type Broker, layerMemory } from "@troupe/broker"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** The brokers an app can run on. */
export const BrokerName = Schema.Literals(["embedded", "memory", "nats"])
export type BrokerName = typeof BrokerName.Type

export const layer = (_options: {
  readonly broker: BrokerName
  readonly directory: string
}): Layer.Layer<Broker> => layerMemory
