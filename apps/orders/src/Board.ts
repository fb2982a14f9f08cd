import { Broker, type BrokerError } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { LaneEvent, LaneName } from "./LaneEvent.ts"
import * as OrderTopic from "./OrderTopic.ts"

/** What the topic says of one lane. */
export interface LaneBoard {
  readonly open: ReadonlySet<string>
  readonly shipped: number
  readonly rejected: number
}

/** What the topic says, up to a sequence. */
export interface BoardState {
  readonly sequence: number
  readonly lanes: Readonly<Record<LaneName, LaneBoard>>
}

const empty: LaneBoard = { open: new Set(), shipped: 0, rejected: 0 }

const apply = (board: LaneBoard, step: LaneEvent): LaneBoard => {
  const open = board.open as Set<string>
  switch (step.status) {
    case "shipped":
      open.delete(step.orderId)
      return { ...board, shipped: board.shipped + 1 }
    case "rejected":
      open.delete(step.orderId)
      return { ...board, rejected: board.rejected + 1 }
    default:
      open.add(step.orderId)
      return board
  }
}

/** Follows the orders' topic from its first record: how many orders are open, shipped, rejected. Holds the open ones only. */
export const follow = Effect.fnUntraced(function* () {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: OrderTopic.name })
  const board = yield* SubscriptionRef.make<BoardState>({
    sequence: 0,
    lanes: { sync: { ...empty, open: new Set() }, queued: { ...empty, open: new Set() } }
  })
  const following = topic.follow({ from: "first" }).pipe(
    Stream.runForEachArray((records) =>
      SubscriptionRef.update(board, (state) => {
        const lanes = { ...state.lanes }
        for (const record of records) {
          for (const step of OrderTopic.stepsOf(record)) lanes[step.lane] = apply(lanes[step.lane], step)
        }
        return { sequence: records.at(-1)?.sequence ?? state.sequence, lanes }
      })
    )
  )
  const follower = yield* Effect.forkScoped(following)
  /** Waits until no order of the lane is open, by everything that is in the topic now. */
  const drained = (lane: LaneName): Effect.Effect<void, BrokerError> =>
    Effect.flatMap(topic.info, ({ lastSequence }) =>
      SubscriptionRef.changes(board).pipe(
        Stream.filter((state) => state.sequence >= lastSequence && state.lanes[lane].open.size === 0),
        Stream.take(1),
        Stream.runDrain,
        Effect.raceFirst(Fiber.join(follower))
      )
    )
  return { state: SubscriptionRef.get(board), drained }
})
