import { Broker } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** The brokers an app can run on. */
export const BrokerName = Schema.Literals(["embedded", "memory", "nats"])
export type BrokerName = typeof BrokerName.Type
