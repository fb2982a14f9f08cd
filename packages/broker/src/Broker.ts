import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { BrokerError } from "./BrokerError.ts"
import type { Durability } from "./Durability.ts"
import type { Topic, TopicSpec } from "./Topic.ts"

/**
 * The service every backend provides: named topics, and what an acknowledgement is worth.
 *
 * `layerMemory` here, `Embedded.layer` in `@troupe/broker-embedded`, `JetStream.layer` in `@troupe/broker-jetstream`;
 * one contract suite (`@troupe/broker/contract`) holds for all of them.
 */
export class Broker extends Context.Service<
  Broker,
  {
    /** `memory`, `embedded` or `nats`. */
    readonly backend: string
    /** What an acknowledged append survives. */
    readonly durability: Durability
    /** Opens a topic, making it when it is not there; another specification under that name is `SpecMismatch`. */
    readonly topic: (spec: TopicSpec) => Effect.Effect<Topic, BrokerError>
    /** Names of the topics there are, sorted. */
    readonly topics: Effect.Effect<ReadonlyArray<string>, BrokerError>
    /** Removes a topic with its records and subscriptions; `NotFound` when there is none. */
    readonly deleteTopic: (name: string) => Effect.Effect<void, BrokerError>
  }
>()("@troupe/broker/Broker") {}
