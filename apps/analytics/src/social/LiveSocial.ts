import { Broker, type BrokerError } from "@troupe/broker"
import { Alias, Serving, type ViewError } from "@troupe/views"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Aggregate from "./Aggregate.ts"
import * as Answers from "./Answers.ts"
import * as Edition from "./Edition.ts"
import * as LiveFeed from "./LiveFeed.ts"
import * as LiveRows from "./LiveRows.ts"
import type * as Pipeline from "./Pipeline.ts"
import * as SocialIngest from "./SocialIngest.ts"
import { aliasName, editionOf, SocialRun } from "./SocialRun.ts"
import type { RowChanged, SocialStatus } from "./SocialStatus.ts"
import type { TrendingReport } from "./TrendingReport.ts"

type AliasError = Effect.Error<ReturnType<typeof Alias.resolve>>
/** What can stop the feed. */
type FeedError = Effect.Error<ReturnType<typeof SocialIngest.run>>

/** A place in the served topic of a version. */
export interface Place {
  readonly version: number
  readonly sequence: number
}

/** How often answers are made anew, at most. */
const answerMillis = 400
/** Between two looks at how many records came in, and how many looks the rate is taken from. */
const ratedEvery = "500 millis"
const ratedOver = 8
/** Records of a served topic that a reader without a past begins with. */
const changesAtFirst = 24

const changedOf = (version: number, change: Serving.RowChange): RowChanged => {
  const { of: name, partition, table, time } = Aggregate.partsOf(change.key)
  const { key, revision: raw, row, sequence } = change
  const tally = row === undefined ? null : { ...(row as unknown as Record<string, number>) }
  return { version, sequence, raw, key, table, time, partition, name, row: tally }
}

const foldedBy = ({ preprocess }: Pipeline.Running) =>
  Effect.map(preprocess.position, (partitions) => partitions.reduce((sum, { records }) => sum + records, 0))

/** The status of an edition. */
const standingOf = Effect.fnUntraced(function* (
  { rules, version }: Edition.Edition,
  running: Pipeline.Running | undefined
) {
  if (running === undefined) return { version, rules, isRunning: false, folded: 0, behind: 0, changes: 0 }
  const { aggregate, preprocess } = running
  const progress = yield* Stream.runHead(preprocess.progress())
  const { done, total } = Option.getOrElse(progress, () => ({ done: 0, total: 0 }))
  const changes = (yield* aggregate.position).reduce((sum, { outputs }) => sum + outputs, 0)
  return { version, rules, isRunning: true, folded: yield* foldedBy(running), behind: total - done, changes }
})

/** The feed that comes in, and what readers of the served rows are told, for as long as the layer lives. */
export class LiveSocial extends Context.Service<
  LiveSocial,
  {
    readonly status: Effect.Effect<Omit<SocialStatus, "reprocess">, AliasError | ViewError | BrokerError>
    /** What trends, from the served rows of the version that is current, as they were within the last half second. */
    readonly trending: Effect.Effect<TrendingReport, BrokerError>
    /**
     * Rows of the current version that changed behind a place, then those that change. Behind a place of another version, or without one, it begins
     * with the last few. It is state, not a log: of a row that changed twice before it was read, the first change may be skipped.
     */
    readonly changes: (
      after: Option.Option<Place>
    ) => Stream.Stream<RowChanged, AliasError | ViewError | BrokerError>
    /** Ends with the failure of whatever feeds this, and never otherwise. */
    readonly failure: Effect.Effect<never, FeedError | AliasError | ViewError | BrokerError>
  }
>()("@troupe/analytics/social/LiveSocial") {
  static readonly layer = (options: { readonly seed: number; readonly perSecond: number }) =>
    Layer.effect(
      LiveSocial,
      Effect.gen(function* () {
        const broker = yield* Broker
        const social = yield* SocialRun
        const aliases = yield* Alias.open.pipe(Effect.provideService(Broker, broker))
        const source = LiveFeed.source(options)

        /** The version that readers are told to read, and every other one from then on. */
        const versions = aliases.watch(aliasName).pipe(
          Stream.map(({ current }) => current.version),
          Stream.changes
        )
        /** What a version serves: a reader of its rows, and the last sequence of their topic. */
        const servedBy = Effect.fnUntraced(function* (edition: Edition.Edition) {
          const { served } = yield* social.pipeline(edition)
          const topic = yield* broker.topic({ name: served.topic, limits: { maxRecordsPerSubject: 1 } })
          const { lastSequence } = yield* topic.info
          const reader = yield* Serving.reader(Aggregate.view(edition)).pipe(
            Effect.provideService(Broker, broker)
          )
          return { reader, lastSequence }
        })

        let held = LiveRows.make(Edition.v1, new Map())
        let answered: { readonly atMillis: number; readonly summary: Answers.Summary } | undefined
        const isHeld = yield* Latch.make()
        const hold = versions.pipe(
          Stream.switchMap((version) =>
            Stream.unwrap(
              Effect.gen(function* () {
                const edition = editionOf(version)
                const { lastSequence, reader } = yield* servedBy(edition)
                const { rows } = yield* reader.rows
                held = LiveRows.make(edition, rows)
                answered = undefined
                yield* isHeld.open
                return reader.follow(lastSequence + 1)
              })
            )
          ),
          Stream.runForEachArray((changes) =>
            Effect.sync(() => {
              for (const { key, row } of changes) held.apply(key, row)
            })
          ),
          Effect.andThen(Effect.die(new Error("the broker ended a watch")))
        )

        const looks: Array<{ readonly atMillis: number; readonly records: number }> = []
        const look = Effect.gen(function* () {
          const { records } = yield* social.raw.info
          looks.push({ atMillis: yield* Clock.currentTimeMillis, records })
          if (looks.length > ratedOver) looks.shift()
          yield* Effect.sleep(ratedEvery)
        }).pipe(Effect.forever)
        const perSecond = Effect.sync(() => {
          const [first, last] = [looks[0], looks.at(-1)]
          if (first === undefined || last === undefined || last.atMillis <= first.atMillis) return 0
          return ((last.records - first.records) * 1000) / (last.atMillis - first.atMillis)
        })

        const ingest = SocialIngest.run(source, { end: false, onProgress: () => Effect.void }).pipe(
          Effect.provideService(Broker, broker),
          Effect.andThen(Effect.never)
        )
        const feeding = yield* Effect.forkScoped(Effect.raceAllFirst([ingest, hold, look, social.failure]))
        yield* Effect.raceFirst(isHeld.await, Fiber.join(feeding))

        return LiveSocial.of({
          status: Effect.gen(function* () {
            const running = yield* social.running
            const { change, current, previous, promotedAtMillis, revision } =
              yield* aliases.resolve(aliasName)
            return {
              feed: source.name,
              records: (yield* social.raw.info).records,
              perSecond: yield* perSecond,
              editions: yield* Effect.forEach(Edition.editions, (edition) =>
                standingOf(
                  edition,
                  running.find((one) => one.edition.version === edition.version)
                )
              ),
              alias: {
                current: current.version,
                previous: previous?.version ?? null,
                revision,
                change,
                changedAtMillis: promotedAtMillis
              }
            }
          }),
          trending: Effect.gen(function* () {
            const now = yield* Clock.currentTimeMillis
            if (answered === undefined || now - answered.atMillis > answerMillis) {
              answered = { atMillis: now, summary: Answers.summarize(Answers.fromRows(held.rows)) }
            }
            const { edition } = held
            const editions = yield* Effect.forEach(yield* social.running, (running) =>
              Effect.map(foldedBy(running), (folded) => ({ version: running.edition.version, folded }))
            )
            return {
              version: edition.version,
              rules: edition.rules,
              records: (yield* social.raw.info).records,
              rows: held.count(),
              ...answered.summary,
              editions
            }
          }),
          changes: (after) => {
            let from = Option.getOrUndefined(after)
            return versions.pipe(
              Stream.switchMap((version) =>
                Stream.unwrap(
                  Effect.gen(function* () {
                    const { lastSequence, reader } = yield* servedBy(editionOf(version))
                    const begin =
                      from?.version === version ? from.sequence : Math.max(0, lastSequence - changesAtFirst)
                    from = undefined
                    return Stream.map(reader.follow(begin + 1), (change) => changedOf(version, change))
                  })
                )
              )
            )
          },
          failure: Fiber.join(feeding)
        })
      })
    )
}
