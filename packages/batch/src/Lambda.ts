/**
 * Lambda: a batch layer over the archive, a speed layer over the newest records, and a serving layer that merges them at one watermark B.
 *
 * Serving = batch (units that close before B) and speed (all others), by the same predicate. B is the least watermark of all partitions at the
 * batch's last sequence, less the lateness: no event that is accepted later can belong to a unit that closes before B, so the two parts never
 * overlap and never leave a hole. B and the rows are published in one commit; the speed layer forgets what it has adopted from a
 * publication, and nothing else.
 */
import type { Topic, TopicRecord } from "@troupe/broker"
import type { Table } from "@troupe/views"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Batch from "./Batch.ts"
import { BatchError, brokerFailed, ExtractFailed } from "./BatchError.ts"
import * as History from "./History.ts"
import * as Manifest from "./Manifest.ts"
import * as Publication from "./Publication.ts"
import type { Question, Rules } from "./Question.ts"
import * as Recompute from "./Recompute.ts"
import * as Speed from "./Speed.ts"
import { corrected, type Wiring } from "./Wiring.ts"

/** What a Lambda needs. */
export interface Options<Event> extends Rules<Event> {
  readonly topic: Topic
  /** Directory of the topic's archive, which `Archive.run` fills. */
  readonly archive: string
  /** A directory for the batch views alone; made when it is not there. */
  readonly directory: string
  /** The event of a record; undefined for a record that is none. Must agree with the archive's columns. */
  readonly decode: (record: TopicRecord) => Event | undefined
  readonly questions: ReadonlyArray<Question<Event>>
  /** Default `Wiring.corrected`. */
  readonly wiring?: Wiring<Event>
  /** For DuckDB; default 512. */
  readonly memoryLimitMiB?: number
  /** For DuckDB; default 2. */
  readonly threads?: number
}

/** What can befall a batch run, to see what a wiring makes of it. */
export type Mishap =
  /** It fails after the first half of its partitions. */
  | "fails"
  /** Its process ends after its first commit. */
  | "dies-after-first-commit"

/** An answer, and what it was made of. */
export interface Answer extends Publication.Completeness {
  /** Version of the batch view; 0 for none. */
  readonly version: number
  /** Last sequence that the speed layer had folded: the answer is about the records up to here. */
  readonly speedThrough: number
  /** Rows by question. */
  readonly tables: { readonly [question: string]: Table.Rows }
}

/** The three layers of one Lambda. */
export interface Lambda {
  /**
   * One run of the batch layer: recomputes from the archive what is closed, and publishes it with its B. Does nothing when the archive has
   * nothing new. `through` bounds the sequence that it reads (default: all that is archived).
   */
  readonly runBatch: (options?: {
    readonly through?: number
    readonly mishap?: Mishap
  }) => Effect.Effect<Publication.Publication, BatchError>
  /** Runs the batch layer now and then on a schedule, until the scope closes. A failed run is logged, and publishes nothing. */
  readonly schedule: <Output>(
    schedule: Schedule.Schedule<Output>,
    before?: Effect.Effect<unknown, BatchError>
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Folds what the topic holds now (or up to `through`) into the speed layer, and adopts the newest batch view that it has caught up with. */
  readonly catchUp: (options?: { readonly through?: number }) => Effect.Effect<void, BatchError>
  /** The merged answer at this moment. */
  readonly answer: Effect.Effect<Answer>
  /** Events that were too late for the speed layer so far. */
  readonly late: Effect.Effect<number>
  /** The truth: DuckDB over every event up to `through` (default: all that is archived), late ones too. */
  readonly truth: (options?: {
    readonly through?: number
  }) => Effect.Effect<{ readonly [question: string]: Table.Rows }, BatchError>
}

const dayMillis = 86_400_000

/**
 * Opens the three layers. Batch views of an earlier process are adopted; the speed layer begins empty and folds the history again at the first
 * `catchUp`, from the archive where the topic no longer has it.
 */
export const open = <Event>(options: Options<Event>): Effect.Effect<Lambda, BatchError> =>
  Effect.gen(function* () {
    const { archive, directory, questions, topic } = options
    const wiring: Wiring<Event> = options.wiring ?? corrected
    const lock = yield* Semaphore.make(1)

    const opened = Batch.open({
      archives: { archive },
      ...(options.memoryLimitMiB === undefined ? {} : { memoryLimitMiB: options.memoryLimitMiB }),
      ...(options.threads === undefined ? {} : { threads: options.threads })
    })
    const publications = wiring.publish === "together" ? Publication : Publication.apart
    const newest = publications.newest(directory)
    const newestVersion = publications.newestVersion(directory)

    const speed = Speed.initial(questions, wiring)
    let adopted: Publication.Publication = Publication.none

    const midnight = (before: number): number => {
      const zone = wiring.cut.by === "day" ? wiring.cut.zoneMillis : 0
      return Math.floor((before + zone) / dayMillis) * dayMillis - zone
    }

    const tablesOf = (batch: Batch.Batch, closedBefore?: number) =>
      Effect.gen(function* () {
        const tables: { [question: string]: Table.Rows } = {}
        for (const question of questions) {
          const sql =
            closedBefore === undefined ? question.sql : (wiring.batchSql?.[question.name] ?? question.sql)
          const isWhole = closedBefore === undefined || wiring.cut.by === "day"
          tables[question.name] = yield* Recompute.rows(
            batch,
            { sql, fields: question.fields },
            isWhole ? undefined : closedBefore
          )
        }
        return tables
      })

    const runBatch: Lambda["runBatch"] = (run) =>
      Effect.gen(function* () {
        const batch = yield* opened
        const held = yield* newest
        const archived = Manifest.through(batch.manifests["archive"] ?? Manifest.empty(topic.name))
        const through = Math.min(archived, run?.through ?? archived)
        if (through <= held.through) return held
        const isPartial = run?.mishap === "fails"
        if (isPartial && wiring.failedBatch === "nothing") return held

        const now = yield* Recompute.watermarks(batch, "archive", options, through)
        const closedBefore = Recompute.closedBefore(options, now)
        yield* Recompute.defineEvents(batch, "archive", options, {
          through,
          lateToo: wiring.speedLate === "dropped",
          ...(wiring.cut.by === "day" ? { before: midnight(closedBefore) } : {}),
          ...(isPartial ? { partitionsBelow: Math.ceil(options.partitions / 2) } : {})
        })
        const tables = yield* tablesOf(batch, closedBefore)
        const next: Publication.Publication = { version: held.version + 1, through, closedBefore, tables }
        if (wiring.publish === "together") yield* Publication.publish(directory, next)
        else yield* Publication.apart.publish(directory, next, run?.mishap === "dies-after-first-commit")
        return next
      }).pipe(Effect.scoped)

    const decode = (records: ReadonlyArray<TopicRecord>) =>
      Effect.forEach(records, (record) =>
        Effect.try({
          try: (): Speed.Decoded<Event> => ({
            sequence: record.sequence,
            subject: record.subject,
            event: options.decode(record)
          }),
          catch: (defect) =>
            new BatchError({
              operation: "speed",
              reason: new ExtractFailed({ sequence: record.sequence, issue: String(defect) })
            })
        })
      )

    const trimByAge = (millis: number) => {
      const newestMark = Math.max(0, ...speed.watermarks.values())
      Speed.trim(speed, newestMark - millis)
    }

    const catchUp: Lambda["catchUp"] = (limits) =>
      Effect.gen(function* () {
        const { lastSequence } = yield* Effect.mapError(topic.info, brokerFailed(`read ${topic.name}`))
        const to = Math.min(lastSequence, limits?.through ?? lastSequence)
        if (to > speed.through) {
          yield* History.read({ topic, archive, from: speed.through + 1, to }).pipe(
            Stream.runForEachArray((records) =>
              Effect.map(decode(records), (decoded) => Speed.step(options, wiring, speed, decoded))
            )
          )
          // The last sequences may be of records that were deleted.
          speed.through = to
        }
        const found = (yield* newestVersion) > adopted.version ? yield* newest : adopted
        if (found.version > adopted.version && found.through <= speed.through) {
          adopted = found
          if (wiring.trim.by === "published" && wiring.cut.by === "unit")
            Speed.trim(speed, found.closedBefore)
        }
        if (wiring.trim.by === "age") trimByAge(wiring.trim.millis)
      }).pipe(lock.withPermits(1))

    const answer: Lambda["answer"] = Effect.suspend(() => {
      const { closedBefore, through, version } = adopted
      const { cut } = wiring
      const since = midnight(closedBefore)
      const isSpeeds = cut.by === "day" ? (event: Event) => options.timeMillis(event) >= since : () => true
      const keeps = cut.by === "day" ? () => true : (closesAt: number) => closesAt >= closedBefore
      const tables: { [question: string]: Table.Rows } = {}
      for (const { name } of questions) {
        tables[name] = new Map([...(adopted.tables[name] ?? []), ...Speed.rows(speed, name, isSpeeds, keeps)])
      }
      return Effect.succeed({ version, through, closedBefore, speedThrough: speed.through, tables })
    })

    const truth: Lambda["truth"] = (extent) =>
      Effect.gen(function* () {
        const batch = yield* opened
        const through = extent?.through ?? Number.MAX_SAFE_INTEGER
        yield* Recompute.defineEvents(batch, "archive", options, { through, lateToo: true })
        return yield* tablesOf(batch)
      }).pipe(Effect.scoped)

    const schedule: Lambda["schedule"] = (times, before = Effect.void) =>
      Effect.andThen(before, runBatch()).pipe(
        Effect.catch((error) => Effect.logWarning("batch run failed; the view before stays", error.message)),
        Effect.repeat(times),
        Effect.forkScoped,
        Effect.asVoid
      )

    return {
      runBatch: (run) => Effect.withSpan(runBatch(run), "Lambda.runBatch"),
      schedule,
      catchUp,
      answer,
      late: Effect.sync(() => speed.late),
      truth: (extent) => Effect.withSpan(truth(extent), "Lambda.truth")
    }
  })
