import { Broker, type BrokerError } from "@troupe/broker"
import { HistoryRecord } from "@troupe/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { OrderNotFound, Overloaded, Refused } from "./Api.ts"
import * as Board from "./Board.ts"
import type { LaneName, LaneStats } from "./LaneEvent.ts"
import { Order } from "./Order.ts"
import * as OrderTopic from "./OrderTopic.ts"
import * as Outcome from "./Outcome.ts"
import * as QueuedLane from "./QueuedLane.ts"
import { Shop } from "./Shop.ts"
import * as SyncLane from "./SyncLane.ts"

/** Orders that a lane works on at the same time while their callers wait; more are told to come back. */
const inFlightMax = 512
/** Answers that the figures of a lane are taken from: the last ones. */
const answersKept = 200

/** What a lane's callers saw since the shop opened. */
class Callers {
  placed = 0
  accepted = 0
  refused = 0
  inFlight = 0
  private readonly answers: Array<number> = []

  answered(millis: number) {
    this.answers.push(millis)
    if (this.answers.length > answersKept) this.answers.shift()
  }

  quantile(q: number) {
    return Math.round(Outcome.quantile(this.answers, q))
  }
}

/** Counts a call and bounds how many there are at the same time. */
const counted = <A extends object, R>(
  callers: Callers,
  call: Effect.Effect<A, Refused, R>
): Effect.Effect<A, Refused | Overloaded, R> =>
  Effect.gen(function* () {
    callers.placed += 1
    if (callers.inFlight >= inFlightMax) {
      callers.refused += 1
      return yield* new Overloaded({ inFlight: callers.inFlight, limit: inFlightMax })
    }
    callers.inFlight += 1
    const from = yield* Clock.currentTimeMillis
    return yield* call.pipe(
      Effect.onExit((exit) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          callers.inFlight -= 1
          callers.answered(now - from)
          if (exit._tag === "Success") callers.accepted += 1
          else callers.refused += 1
        })
      )
    )
  })

/** The shop on a broker, with the workers of its queued lane; open orders of an earlier run are taken up again. */
export const layer = Layer.effect(
  Shop,
  Effect.gen(function* () {
    const broker = yield* Broker
    const topic = yield* broker.topic({ name: OrderTopic.name })
    const board = yield* Board.follow()
    const place = yield* QueuedLane.makePlace
    const context = yield* Effect.context<
      Effect.Services<ReturnType<typeof place>> | Effect.Services<ReturnType<typeof SyncLane.place>>
    >()
    yield* QueuedLane.resume()
    const callers: Readonly<Record<LaneName, Callers>> = { sync: new Callers(), queued: new Callers() }

    const ofLane =
      (lane: LaneName) => (stream: Stream.Stream<Parameters<typeof OrderTopic.stepsOf>[0], BrokerError>) =>
        stream.pipe(
          Stream.flatMap((record) => Stream.fromIterable(OrderTopic.stepsOf(record))),
          Stream.filter((step) => step.lane === lane)
        )

    const statsOf = (lane: LaneName): Effect.Effect<LaneStats> =>
      Effect.map(board.state, ({ lanes }) => ({
        placed: callers[lane].placed,
        accepted: callers[lane].accepted,
        refused: callers[lane].refused,
        shipped: lanes[lane].shipped,
        rejected: lanes[lane].rejected,
        backlog: lanes[lane].open.size + (lane === "sync" ? callers.sync.inFlight : 0),
        answerMillisP50: callers[lane].quantile(0.5),
        answerMillisP99: callers[lane].quantile(0.99)
      }))

    return Shop.of({
      placeSync: (reference, placement) =>
        counted(callers.sync, Effect.provide(SyncLane.place(reference, placement), context)),
      placeQueued: (reference, placement) =>
        counted(
          callers.queued,
          place(reference, placement).pipe(
            Effect.provide(context),
            Effect.mapError(
              (error) => new Refused({ service: "shop", uncertain: true, detail: error.message })
            )
          )
        ),
      timeline: Effect.fnUntraced(function* (orderId) {
        const filters = [HistoryRecord.subjectOf({ actor: Order.name, id: orderId })]
        const steps = yield* topic.read({ from: "first", filters }).pipe(
          Stream.flatMap((record) => Stream.fromIterable(OrderTopic.stepsOf(record))),
          Stream.runCollect
        )
        if (steps.length === 0) return yield* new OrderNotFound({ orderId })
        return steps
      }),
      stats: Effect.all({ sync: statsOf("sync"), queued: statsOf("queued") }),
      steps: (lane) => ofLane(lane)(topic.read({ from: "first" })),
      drained: board.drained,
      events: (lane, afterSequence) => ofLane(lane)(topic.follow({ from: afterSequence + 1 }))
    })
  })
)
