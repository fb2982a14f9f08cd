import type { BrokerError } from "@troupe/broker"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Accepted, Finished, OrderNotFound, Overloaded, Refused } from "./Api.ts"
import type { LaneEvent, LaneName, LaneStats } from "./LaneEvent.ts"
import type { Placement } from "./Placement.ts"

/** Both lanes of the shop behind one door. */
export class Shop extends Context.Service<
  Shop,
  {
    /** Takes the whole order through payment, warehouse and delivery while the caller waits. */
    readonly placeSync: (
      reference: string,
      placement: Placement
    ) => Effect.Effect<typeof Finished.Type, Refused | Overloaded>
    /** Records the order, answers its id, and leaves the rest to the workers. The same reference is the same order. */
    readonly placeQueued: (
      reference: string,
      placement: Placement
    ) => Effect.Effect<typeof Accepted.Type, Refused | Overloaded>
    /** Every step of one order so far, oldest first. */
    readonly timeline: (
      orderId: string
    ) => Effect.Effect<ReadonlyArray<LaneEvent>, OrderNotFound | BrokerError>
    readonly stats: Effect.Effect<Readonly<Record<LaneName, LaneStats>>>
    /** Every step of every order of a lane so far, as its topic holds them. */
    readonly steps: (lane: LaneName) => Stream.Stream<LaneEvent, BrokerError>
    /** Completes once no order of the lane is without an end. */
    readonly drained: (lane: LaneName) => Effect.Effect<void, BrokerError>
    /** The lane's steps after a sequence of its topic, then what comes; never ends. */
    readonly events: (lane: LaneName, afterSequence: number) => Stream.Stream<LaneEvent, BrokerError>
  }
>()("@troupe/orders/Shop") {}
