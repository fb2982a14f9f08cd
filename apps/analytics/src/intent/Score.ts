import { Broker, type Topic } from "@troupe/broker"
import type { ClickEvent } from "@troupe/clickstream"
import { Progress } from "@troupe/console"
import { type Model, ModelBlob, ScoreTable, Scoring, Trajectory, view } from "@troupe/intent"
import { Outputs, TableDigest, type View, Views } from "@troupe/views"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ClickTopic from "../ClickTopic.ts"
import * as Ingest from "../Ingest.ts"
import * as Source from "../Source.ts"
import * as Arrivals from "./Arrivals.ts"
import { trained } from "./IntentEvaluation.ts"
import type { Clicks } from "./IntentInput.ts"
import * as IntentRegistry from "./IntentRegistry.ts"
import type { ScoreReport } from "./ScoreReport.ts"

/** How to score. */
export interface Options {
  readonly seed: number
  /** Share of the clicks that come late in the second run; 0 for none. */
  readonly delayed: number
  /** How many times faster than the clicks' own times they come; 0 for as fast as it goes. */
  readonly speed: number
}

type ScoreView = View.View<Scoring.ScoringState, Scoring.Output>

/** What the output topic of the view holds: the scores that count in the end, and how they came about. */
const readBack = Effect.fnUntraced(function* (scores: ScoreView, namespace: string) {
  const table = ScoreTable.make()
  const leftOut = new Set<string>()
  let corrected = 0
  let retracted = 0
  yield* Outputs.read(scores, { namespace }).pipe(
    Stream.runForEachArray((commits) =>
      Effect.sync(() => {
        for (const committed of commits) {
          const outputs = Outputs.decode(scores, committed)
          ScoreTable.apply(table, outputs)
          for (const output of outputs) {
            if (output._tag === "Scored" && output.corrected) corrected++
            if (output._tag === "Retracted") retracted++
            if (output._tag === "Late" || (output._tag === "Quarantined" && output.eventId !== null)) {
              leftOut.add(output.eventId ?? "")
            }
          }
        }
      })
    )
  )
  return { rows: ScoreTable.toRows(table), leftOut, corrected, retracted }
})

/** The clicks that the topic holds. */
const clicksIn = (topic: Topic) =>
  topic.read({ from: "first", filters: ["p.*"] }).pipe(
    Stream.runFold(
      (): Array<ClickEvent> => [],
      (clicks, record) => {
        if (!ClickTopic.isEnd(record)) clicks.push(ClickTopic.decode(record))
        return clicks
      }
    )
  )

/** Clicks into a topic, and their scores live beside it; then all of it again, at once, from the topic. */
const scoreOnce = Effect.fnUntraced(function* (
  scoring: Scoring.Scoring,
  version: number,
  order: "in-order" | "delayed",
  source: Source.Source
) {
  const broker = yield* Broker
  const topicName = `${ClickTopic.name}-${order}`
  const topic = yield* broker.topic({ name: topicName })
  const scores = view({ name: "scores", version, scoring, decode: ClickTopic.decode })
  const shown = yield* Progress.shown
  const began = yield* Clock.currentTimeMillis
  const live = yield* Views.run(scores, {
    input: topic,
    partitions: ClickTopic.partitions,
    namespace: order
  })
  const { resumedFrom } = yield* Effect.raceFirst(
    shown(order.padEnd(9), (onProgress) => Ingest.run(source, { onProgress, topic: topicName })),
    live.failure
  )
  yield* live.caughtUp((yield* topic.info).lastSequence)
  const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
  const { corrected, leftOut, retracted, rows } = yield* readBack(scores, order)
  yield* live.stop
  const offline = Scoring.batch(
    scoring,
    (yield* clicksIn(topic)).filter(({ eventId }) => !leftOut.has(eventId))
  )
  const digest = TableDigest.canonical(rows)
  const offlineDigest = TableDigest.canonical(ScoreTable.toRows(ScoreTable.ofRows(offline)))
  return {
    seconds,
    order: {
      resumedFrom,
      scores: rows.size,
      corrected,
      retracted,
      leftOut: leftOut.size,
      onlineEqualsOffline: digest === offlineDigest,
      digest,
      offlineDigest
    }
  }
})

const measuredNanos = 200_000_000n

/** Time of a model's step, in µs: the fastest of several passes over all sessions. */
const microsOf = (model: Model, trajectories: ReadonlyArray<Trajectory.Trajectory>) =>
  Effect.gen(function* () {
    const events = trajectories.reduce((sum, { symbols }) => sum + symbols.length, 0)
    const scorer = model.scorer()
    const until = (yield* Clock.currentTimeNanos) + measuredNanos
    let best = Number.POSITIVE_INFINITY
    for (;;) {
      const began = yield* Clock.currentTimeNanos
      for (const { symbols } of trajectories) {
        const state = scorer.init()
        for (const symbol of symbols) scorer.step(state, symbol)
      }
      const ended = yield* Clock.currentTimeNanos
      best = Math.min(best, Number(ended - began) / 1000 / Math.max(1, events))
      if (ended >= until) return Math.round(best * 1000) / 1000
    }
  })

/**
 * Scores an input live by the run's champion, its challenger in the shadow, in order and with a share of the clicks late, and proves both
 * equal to what is computed offline.
 *
 * May be killed at any moment and started again on the same data: it goes on, and tells no score twice. Reads all clicks into memory.
 */
export const run = Effect.fn("Score.run")(function* (clicks: Clicks, options: Options) {
  const { seed, speed } = options
  const broker = yield* Broker
  const registry = yield* IntentRegistry.open
  const champion = yield* IntentRegistry.ensure(registry, "champion", seed, trained)
  const challenger = yield* IntentRegistry.ensure(registry, "challenger", seed, trained)
  const { fromClicks } = IntentRegistry
  const scoring = Scoring.define({
    champion: champion.model,
    challenger: challenger.model,
    fromClicks
  })
  // A model is part of a view: other models, another version, beside the old one.
  const version = Math.max(champion.revision, challenger.revision)
  const source = (arrivals: Arrivals.Arrivals, order: string) => {
    const made = Arrivals.source(clicks, arrivals, order)
    return speed > 0 ? Source.paced(made, speed) : made
  }

  const inOrder = yield* scoreOnce(
    scoring,
    version,
    "in-order",
    source(Arrivals.inOrder(clicks.events), "in order")
  )
  const late = Arrivals.delayed(clicks.events, { seed, share: options.delayed })
  const delayed =
    options.delayed > 0
      ? {
          ...(yield* scoreOnce(
            scoring,
            version,
            "delayed",
            source({ ...late }, `${options.delayed} of them late, seed ${seed}`)
          )).order,
          share: options.delayed,
          late: late.late,
          latestMinutes: Arrivals.latestMillis / 60_000
        }
      : null

  const trajectories = Trajectory.ofEvents(clicks.events)
  const micros: Record<string, number> = {}
  for (const { model } of [champion, challenger]) {
    micros[model.name.replaceAll("-", "")] = yield* microsOf(model, trajectories)
  }
  const used = ({ from, model, revision }: IntentRegistry.Used) => ({
    model: model.name,
    checksum: ModelBlob.checksum(model),
    revision,
    from
  })
  return {
    events: clicks.events.length,
    onlineEqualsOffline: inOrder.order.onlineEqualsOffline && delayed?.onlineEqualsOffline !== false,
    digest: inOrder.order.digest,
    sameDigestDelayed: delayed === null ? null : delayed.digest === inOrder.order.digest,
    microsecondsPerEvent: micros,
    input: clicks.name,
    rejected: clicks.rejects.length,
    broker: broker.backend,
    durability: broker.durability,
    models: { champion: used(champion), challenger: used(challenger) },
    fromClicks,
    inOrder: inOrder.order,
    delayed,
    eventsPerSecond: Math.round((clicks.events.length - inOrder.order.resumedFrom) / inOrder.seconds)
  } satisfies ScoreReport
}, Effect.scoped)
