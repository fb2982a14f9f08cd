import { Broker, type BrokerError, Subject, type TopicRecord } from "@troupe/broker"
import {
  isInput,
  Logistic,
  type Model,
  ModelBlob,
  type ModelInvalid,
  type ModelRegistry,
  Scoring,
  score,
  Training
} from "@troupe/intent"
import { Look } from "@troupe/sessions"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as ClickTopic from "../ClickTopic.ts"
import * as IntentRegistry from "./IntentRegistry.ts"
import { layersOf } from "./Labelled.ts"
import * as LastClosed from "./LastClosed.ts"
import type { LayersReport } from "./LayersReport.ts"
import type { OpenReport, OpenShown } from "./OpenReport.ts"
import { Role, type StoredModel } from "./TrainReport.ts"

/** Raw clicks; sessions that they are in, that had a purchase, and that closed; open sessions: so many are shown. */
const shownRaw = 12
const shownCurrent = 6
const shownBuyers = 3
const shownSessions = 11
const shownOpen = 12
const shownReasons = 3
/** Of a long session the last events. */
const shownHistory = 40

interface Current {
  readonly model: Model
  readonly revision: number
}

type Raw = Omit<LayersReport["raw"][number], "sessionId">

const modelShown = (current: Current | undefined) =>
  current === undefined
    ? null
    : {
        model: current.model.name,
        checksum: ModelBlob.checksum(current.model),
        revision: current.revision
      }

/** A logistic regression says why; other models do not. */
const isLogistic = (model: Model): model is Logistic.Logistic => model.kind === "logistic"

/**
 * Probabilities of a purchase after every click of every open session, by the champion and its challenger, for as long as the layer lives.
 *
 * Folds the topic of clicks from its beginning, in memory. A model that is stored in the run's registry takes over at once: open sessions are
 * followed afresh by it, what was told before stays.
 */
export class LiveScores extends Context.Service<
  LiveScores,
  {
    /** Open sessions now, likeliest buyers first. */
    readonly open: Effect.Effect<OpenReport>
    /** What came in last: raw clicks, their sessions, their symbols. */
    readonly layers: Effect.Effect<LayersReport>
    /** Stores a model in a role; scores go on with it. */
    readonly put: (role: Role, model: Model) => Effect.Effect<StoredModel, BrokerError>
    /** Ends with the failure of whatever feeds this, and never otherwise. */
    readonly failure: Effect.Effect<never, BrokerError | ModelInvalid>
  }
>()("@troupe/analytics/intent/LiveScores") {
  static readonly layer = (options: { readonly seed: number }) =>
    Layer.effect(
      LiveScores,
      Effect.gen(function* () {
        const broker = yield* Broker
        const topic = yield* broker.topic({ name: ClickTopic.name })
        const registry = yield* IntentRegistry.open
        const ready = yield* Latch.make()
        const current: Partial<Record<Role, Current>> = {}
        const closed = LastClosed.make({ buyers: shownBuyers, others: shownSessions })
        const { fromClicks } = IntentRegistry
        let scoring: Scoring.Scoring | undefined
        let state = Scoring.initial()
        let raw: ReadonlyArray<Raw> = []
        let [scored, corrected, swaps] = [0, 0, 0]
        let refused: string | null = null

        const use = (role: Role, next: Current) => {
          const before = current[role]
          current[role] = next
          refused = null
          const { challenger, champion } = current
          if (champion === undefined || challenger === undefined) return
          if (scoring === undefined) {
            scoring = Scoring.define({ champion: champion.model, challenger: challenger.model, fromClicks })
          } else if (
            before === undefined ||
            ModelBlob.checksum(before.model) !== ModelBlob.checksum(next.model)
          ) {
            scoring = Scoring.swap(scoring, state, { [role]: next.model })
            swaps++
          }
          ready.openUnsafe()
        }
        const watch = (role: Role) =>
          registry.watch(role).pipe(
            Stream.runForEach((change: ModelRegistry.RegistryChange) =>
              Effect.sync(() => {
                if (change._tag === "Stored") use(role, change)
                if (change._tag === "Refused")
                  refused = `The new ${role} is not used: ${change.error.message}`
              })
            ),
            Effect.andThen(Effect.never)
          )

        const take = (record: TopicRecord) => {
          if (scoring === undefined) return
          if (ClickTopic.isEnd(record)) {
            const [ended, outputs] = Scoring.end(scoring, state)
            state = ended
            closed.take(outputs)
            return
          }
          const event = ClickTopic.decode(record)
          const outputs: Array<Scoring.Output> = []
          Scoring.accept(scoring, state, { event, appendMillis: record.timeMillis }, outputs)
          closed.take(outputs)
          scored++
          for (const output of outputs) if (output._tag === "Scored" && output.corrected) corrected++
          const { eventId, key, symbol, timeMillis } = event
          const partition = Subject.partitionOf(key, ClickTopic.partitions)
          raw = [
            { sequence: record.sequence, partition, key, eventId, timeMillis, symbol },
            ...raw.slice(0, shownRaw - 1)
          ]
        }
        const follow = ready.await.pipe(
          Effect.andThen(
            topic.follow({ from: "first", filters: ["p.*"] }).pipe(
              Stream.runForEachArray((records) =>
                Effect.sync(() => {
                  for (const record of records) take(record)
                })
              )
            )
          ),
          Effect.andThen(Effect.never)
        )
        const ensure = Effect.forEach(
          Role.literals,
          (role) => IntentRegistry.ensure(registry, role, options.seed, Training.run),
          { discard: true }
        ).pipe(Effect.andThen(Effect.never))
        const feeding = yield* Effect.forkScoped(
          Effect.raceAllFirst([ensure, watch("champion"), watch("challenger"), follow])
        )

        const shown = (session: Scoring.OpenSession): OpenShown => {
          const { champion, challenger } = current
          const symbols = session.symbols.slice(0, session.clicks).filter(isInput)
          const reasoner = [champion?.model, challenger?.model].find(
            (model): model is Logistic.Logistic => model !== undefined && isLogistic(model)
          )
          return {
            ...session,
            symbols: session.symbols.slice(-shownHistory),
            history:
              champion === undefined
                ? []
                : score(champion.model, symbols)
                    .map((said, i) => (i + 1 < fromClicks ? null : said))
                    .slice(-shownHistory),
            reasons: reasoner === undefined ? [] : Logistic.reasons(reasoner, symbols, shownReasons)
          }
        }

        const sessionAt = ({ key, timeMillis }: LastClosed.Place) => {
          const seen = scoring === undefined ? undefined : Look.at(scoring.spec, state, key, timeMillis)
          if (seen === undefined) return undefined
          const { entries, open, sessionId } = seen
          const events = entries.map(({ value: symbol, ...event }) => ({ ...event, symbol }))
          return { ...layersOf({ key, sessionId, events }), open }
        }

        return LiveScores.of({
          open: Effect.sync(() => {
            const all = scoring === undefined ? [] : Scoring.open(scoring, state)
            const likeliest = all
              .filter(({ bought, champion }) => !bought && champion !== null)
              .sort((a, b) => (b.champion ?? 0) - (a.champion ?? 0) || (a.sessionId < b.sessionId ? -1 : 1))
            return {
              champion: modelShown(current.champion),
              challenger: modelShown(current.challenger),
              scored,
              corrected,
              swaps,
              refused,
              fromClicks,
              open: all.length,
              sessions: likeliest.slice(0, shownOpen).map(shown)
            }
          }),
          layers: Effect.sync(() => {
            const places = [...raw, ...closed.buyers(), ...closed.others()]
            const sessions = new Map<string, LayersReport["sessions"][number]>()
            let current = 0
            for (const [i, place] of places.entries()) {
              const session = sessionAt(place)
              if (session === undefined || sessions.has(session.sessionId)) continue
              if (i < raw.length && ++current > shownCurrent) continue
              sessions.set(session.sessionId, session)
            }
            return {
              raw: raw.map((click) => ({ ...click, sessionId: sessionAt(click)?.sessionId ?? null })),
              sessions: [...sessions.values()].slice(0, shownSessions)
            }
          }),
          put: (role, model) => IntentRegistry.put(registry, role, model),
          failure: Fiber.join(feeding)
        })
      })
    )
}
