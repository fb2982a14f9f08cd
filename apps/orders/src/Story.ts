import { Broker } from "@troupe/broker"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { HttpServer } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import * as Stream from "effect/Stream"
import { OrdersApi } from "./Api.ts"
import { Faults } from "./Faults.ts"
import type { LaneName } from "./LaneEvent.ts"
import * as Outcome from "./Outcome.ts"
import { Services } from "./Services.ts"
import { Shop } from "./Shop.ts"
import * as Shoppers from "./Shoppers.ts"

/** What one lane did with the story's orders. Times in milliseconds. */
export interface ModeReport {
  readonly placed: number
  /** Orders the shop took responsibility for: the caller got an order id. */
  readonly accepted: number
  /** Orders the caller could not place, also not at a second try. */
  readonly refused: number
  readonly answerMillisP50: number
  readonly answerMillisP99: number
  /** References charged more often than once, by the payment service's own book. */
  readonly chargedTwice: number
  /** Accepted orders without an end in the topic. */
  readonly lost: number
  readonly shipped: number
  /** Accepted orders that ended for a stated reason, by reason. */
  readonly rejected: Readonly<Record<string, number>>
  /** From the last order placed until the last one met its end. */
  readonly drainedAfterMillis: number
}

/** The story's settings. */
export interface Settings {
  readonly seed: number
  readonly orders: number
  /** Between two orders, at speed 1. */
  readonly everyMillis: number
  readonly speed: number
  /** Longest wait for the queued lane to finish; what is open then counts as lost. */
  readonly drainMillisMax: number
}

/** The whole story. */
export interface Report {
  readonly broker: string
  readonly durability: string
  readonly seed: number
  readonly orders: number
  readonly modes: Readonly<Record<LaneName, ModeReport>>
  /** SHA-256 over the queued lane's outcomes: the same on every broker. */
  readonly digest: string
}

/** One payment in this many loses its answer: the card is charged and the caller never learns. */
const lostAnswerEvery = 29
const isLosing = (index: number) => index % lostAnswerEvery === 7

/** Payment is down while the middle third of the orders is placed. */
const middleThird = (count: number) => ({ first: Math.floor(count / 3), after: Math.floor((count * 2) / 3) })

/**
 * Sends the orders over HTTP at a steady pace, whatever the answers take. A caller left without an answer tries once more.
 *
 * A synchronous order pays while it is placed, so for that lane "down" is decided by the order itself and not by a
 * race of the switch with orders under way; queued orders pay whenever a worker comes to them, so there it is a switch.
 */
const shop = Effect.fn("Story.shop")(function* (
  lane: LaneName,
  intentions: ReadonlyArray<Shoppers.Intention>,
  settings: Settings
) {
  const faults = yield* Faults
  const { address } = yield* HttpServer.HttpServer
  const client = yield* HttpApiClient.make(OrdersApi, { baseUrl: HttpServer.formatAddress(address) })
  const { first, after } = middleThird(intentions.length)
  const references = (chosen: (index: number) => boolean) =>
    new Set(intentions.filter(({ index }) => chosen(index)).map(({ reference }) => reference))
  const losing = references(isLosing)
  const middle = references((index) => index >= first && index < after)
  yield* faults.loseFirstAnswer((reference) => losing.has(reference))
  yield* faults.setOutage("payment", lane === "sync" ? (reference) => middle.has(reference) : false)

  const began = yield* Clock.currentTimeMillis
  let lastPlacedMillis = began
  const answers = yield* Effect.forEach(
    intentions,
    Effect.fnUntraced(function* (intention) {
      yield* Effect.sleep((intention.index * settings.everyMillis) / settings.speed)
      if (lane === "queued" && intention.index === first) yield* faults.setOutage("payment", true)
      if (lane === "queued" && intention.index === after) yield* faults.setOutage("payment", false)
      const from = yield* Clock.currentTimeMillis
      lastPlacedMillis = Math.max(lastPlacedMillis, from)
      const taken = yield* client.orders
        .place({
          query: { mode: lane },
          headers: { "idempotency-key": intention.reference },
          payload: intention.placement
        })
        .pipe(
          Effect.retry({ times: 1, while: (error) => error._tag === "Refused" && error.uncertain }),
          Effect.as(true),
          Effect.catchTag(["Refused", "Overloaded"], () => Effect.succeed(false)),
          Effect.orDie
        )
      return { reference: intention.reference, taken, millis: (yield* Clock.currentTimeMillis) - from }
    }),
    { concurrency: "unbounded" }
  )
  yield* faults.setOutage("payment", false)
  return { answers, lastPlacedMillis }
})

const runLane = Effect.fn("Story.runLane")(function* (
  lane: LaneName,
  intentions: ReadonlyArray<Shoppers.Intention>,
  settings: Settings
) {
  const { answers, lastPlacedMillis } = yield* shop(lane, intentions, settings)
  const { steps, drained } = yield* Shop
  const isEmpty = yield* drained(lane).pipe(Effect.timeoutOption(settings.drainMillisMax))
  const endedMillis = yield* Clock.currentTimeMillis
  const outcomes = Outcome.outcomes(yield* Stream.runCollect(steps(lane)))
  const services = yield* Services
  const book = yield* Stream.runCollect(services.paymentLedger)
  const accepted = answers.filter(({ taken }) => taken)
  const ended = (status: Outcome.Outcome["status"]) => outcomes.filter((outcome) => outcome.status === status)
  const rejected: Record<string, number> = {}
  const finished = new Set([...ended("shipped"), ...ended("rejected")].map(({ reference }) => reference))
  for (const { reason } of ended("rejected")) rejected[reason] = (rejected[reason] ?? 0) + 1
  const times = answers.map(({ millis }) => millis)
  const report: ModeReport = {
    placed: intentions.length,
    accepted: accepted.length,
    refused: intentions.length - accepted.length,
    answerMillisP50: Outcome.quantile(times, 0.5),
    answerMillisP99: Outcome.quantile(times, 0.99),
    chargedTwice: Outcome.chargedTwice(book.filter((entry) => entry.lane === lane)),
    lost: accepted.filter(({ reference }) => !finished.has(reference)).length,
    shipped: ended("shipped").length,
    rejected,
    drainedAfterMillis:
      isEmpty._tag === "Some" ? Math.max(0, endedMillis - lastPlacedMillis) : settings.drainMillisMax
  }
  return { report, outcomes }
})

/** Tells the story: the same shoppers, seed and fault, once a lane; then what became of every order. */
export const run = Effect.fn("Story.run")(function* (settings: Settings) {
  const broker = yield* Broker
  const intentions = yield* Shoppers.intentions(settings.seed, settings.orders)
  const sync = yield* runLane("sync", intentions, settings)
  const queued = yield* runLane("queued", intentions, settings)
  return {
    broker: broker.backend,
    durability: broker.durability,
    seed: settings.seed,
    orders: settings.orders,
    modes: { sync: sync.report, queued: queued.report },
    digest: Outcome.digest(queued.outcomes)
  } satisfies Report
})
