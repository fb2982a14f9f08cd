import { Comparison, type Lambda } from "@troupe/batch"
import { Broker, type Topic } from "@troupe/broker"
import type { Progress } from "@troupe/console"
import { Outputs, Serving, type Table } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Aggregate from "../Aggregate.ts"
import * as Answers from "../Answers.ts"
import { v1 as edition } from "../Edition.ts"
import * as EditionRows from "../EditionRows.ts"
import * as Freshness from "../Freshness.ts"
import * as Pipeline from "../Pipeline.ts"
import * as Preprocess from "../Preprocess.ts"
import * as Questions from "../Questions.ts"
import type { SocialEvent } from "../SocialEvent.ts"
import * as SocialIngest from "../SocialIngest.ts"
import * as SocialSource from "../SocialSource.ts"
import type { CompareReport, KappaDisagreement, LambdaDisagreement } from "./CompareReport.ts"
import * as LiveLambda from "./LiveLambda.ts"
import * as RecordsInMemory from "./RecordsInMemory.ts"
import { type Cost, timed } from "./Timed.ts"
import * as Wirings from "./Wirings.ts"

/** What to compare on. */
export interface Settings {
  readonly seed: number
  readonly source: SocialSource.Source
  /** Rows of the source. */
  readonly rows: number
  /** For the archive and the batch views; empty. */
  readonly directory: string
  readonly shown: Progress.Shown
}

/** The part of the feed that is history when both architectures start; the rest comes in while they are live. */
const historyShare = 0.95
/** How fast the rest comes in, at most for this long. */
const livePerSecond = 1000
const liveSecondsMax = 8
/** Runs of the batch layer over the history, at equal distances. */
const historyBatches = 5

/** Where the batch layer runs and answers are read in the comparison of wirings, as shares of the topic; the second run meets the mishap. */
const batchesAt = [0.44, 0.48, 0.96]
const readsAt = [0.5, 1]

type Tables = { readonly [question: string]: Table.Rows }

/** The part of a second that the rest of the feed may take. */
const paceOf = (rest: number): number => Math.max(livePerSecond, Math.ceil(rest / liveSecondsMax))

/** Counts what the first stage left out, by reason. */
const leftOut = Effect.fnUntraced(function* () {
  const counts: Record<string, number> = { rejected: 0, late: 0, duplicate: 0 }
  const view = Preprocess.view(edition)
  yield* Outputs.read(view).pipe(
    Stream.runForEach((committed) =>
      Effect.sync(() => {
        for (const { is } of Outputs.decode(view, committed)) {
          if (is !== "accepted") counts[is] = (counts[is] ?? 0) + 1
        }
      })
    )
  )
  return counts
})

/** Each wiring over the whole topic, against one truth. */
const compareWirings = Effect.fnUntraced(function* (
  options: Omit<Lambda.Options<SocialEvent>, "directory" | "wiring"> & { readonly directory: string },
  truth: Comparison.Truth,
  sequences: { readonly batches: ReadonlyArray<number>; readonly reads: ReadonlyArray<number> },
  tell: (progress: Progress.Progress) => Effect.Effect<void>
) {
  const naive = Wirings.naive(edition)
  const cases = [...naive, ...Wirings.corrected]
  const found: Array<{ readonly isNaive: boolean; readonly compared: Comparison.Compared }> = []
  for (const [index, { mishap, wiring }] of cases.entries()) {
    const scenario = {
      batches: sequences.batches.map((at, run) => ({ at, ...(run === 1 && mishap ? { mishap } : {}) })),
      reads: sequences.reads
    }
    const directory = `${options.directory}/wiring-${index}`
    const compared = yield* Comparison.run({ ...options, directory, wiring }, scenario, { truth })
    found.push({ isNaive: index < naive.length, compared })
    yield* tell({ done: index + 1, total: cases.length })
  }
  const listed = (isNaive: boolean): ReadonlyArray<LambdaDisagreement> =>
    found
      .filter((held) => held.isNaive === isNaive)
      .flatMap(({ compared }) =>
        compared.disagreements.map((one) => ({ ...one, wiring: compared.wiring }) as LambdaDisagreement)
      )
  const wirings: Record<string, number> = {}
  for (const { compared, isNaive } of found) {
    if (isNaive) wirings[compared.wiring] = compared.disagreements.length
  }
  return { naive: { wirings, disagreements: listed(true) }, corrected: listed(false) }
})

/** What is not the truth in some answers. */
const disagreeing = (
  answer: Tables,
  truth: Tables
): ReadonlyArray<{
  readonly question: string
  readonly key: string
  readonly answered: Table.Row | null
  readonly truth: Table.Row | null
}> =>
  Answers.questions.flatMap((question) => {
    const [ours, theirs] = [answer[question] ?? new Map(), truth[question] ?? new Map()]
    return Comparison.differing(ours, theirs).map((key) => ({
      question,
      key,
      answered: ours.get(key) ?? null,
      truth: theirs.get(key) ?? null
    }))
  })

/** The history: both architectures catch up with it, one after the other, so that each one's cost is its own. */
const historyOf = Effect.fnUntraced(function* (raw: Topic, directory: string) {
  const { lastSequence } = yield* raw.info
  const [pipeline, kappa] = yield* timed(
    Effect.tap(Pipeline.run(edition), (running) => running.caughtUp(lastSequence))
  )
  const [live, lambda] = yield* timed(
    Effect.gen(function* () {
      const live = yield* LiveLambda.open(edition, raw, directory)
      for (let run = 1; run <= historyBatches; run++) {
        const through = Math.floor((lastSequence * run) / historyBatches)
        yield* live.archive.run({ through })
        yield* live.lambda.catchUp({ through })
        yield* live.lambda.runBatch({ through })
      }
      yield* live.catchUp
      return live
    })
  )
  const perMillion = ({ cpuMillis }: Cost) => Math.round((cpuMillis * 1e5) / Math.max(1, lastSequence)) / 100
  return { pipeline, live, cpuSecondsPerMillion: { lambda: perMillion(lambda), kappa: perMillion(kappa) } }
})

/**
 * Lambda beside Kappa over one feed: what each costs and how fresh it is, and every answer of either that is not what DuckDB computes over all
 * events. But for the timings the same on every broker.
 */
export const run = Effect.fn("Compare.run")(function* (settings: Settings) {
  const { directory, seed, shown, source } = settings
  const broker = yield* Broker
  const raw = yield* Pipeline.rawTopic

  const historyRows = Math.floor(settings.rows * historyShare)
  yield* shown("history ", (onProgress) =>
    SocialIngest.run(SocialSource.until(source, historyRows), { end: false, onProgress })
  )
  const { cpuSecondsPerMillion, live, pipeline } = yield* historyOf(raw, directory)

  const samples: { lambda: Array<number>; kappa: Array<number> } = { lambda: [], kappa: [] }
  const watching = yield* Effect.forkScoped(
    Effect.raceAllFirst([
      live.follow,
      pipeline.failure,
      Freshness.watch(
        raw,
        ({ sequence }) => live.visible(sequence),
        ({ latencyMillis }) => samples.lambda.push(latencyMillis)
      ),
      Freshness.watch(
        raw,
        ({ sequence }) => pipeline.caughtUp(sequence),
        ({ latencyMillis }) => samples.kappa.push(latencyMillis)
      ),
      Effect.andThen(
        Effect.sleep(`${liveSecondsMax / 4} seconds`),
        Effect.andThen(live.runBatch, Effect.never)
      )
    ])
  )
  const perSecond = paceOf(settings.rows - historyRows)
  yield* shown("live    ", (onProgress) =>
    SocialIngest.run(SocialSource.paced(source, { perSecond }), { onProgress })
  ).pipe(Effect.raceFirst(Fiber.join(watching)))
  yield* pipeline.caughtUp()
  yield* Fiber.interrupt(watching)
  yield* live.runBatch
  yield* live.catchUp

  const [lambdaAnswer, lambdaCost] = yield* timed(live.lambda.answer)
  const [kappaAnswer, kappaCost] = yield* timed(
    Effect.map(Serving.rows(Aggregate.view(edition)), ({ rows }) => Answers.fromRows(rows))
  )
  const { lastSequence } = yield* raw.info
  const at = (share: number) => Math.floor(lastSequence * share)
  const reads = readsAt.map(at)
  const truths = new Map<number, Tables>()
  for (const through of reads) truths.set(through, yield* live.lambda.truth({ through }))
  const truthAt = (through: number): Tables => truths.get(through) ?? {}

  const kappa: Array<KappaDisagreement> = []
  const compareKappa = (tables: Tables, through: number) => {
    for (const { answered, ...found } of disagreeing(tables, truthAt(through))) {
      kappa.push({ ...found, at: through, kappa: answered, cause: "unknown" } as KappaDisagreement)
    }
  }
  for (const through of reads) {
    compareKappa(Answers.fromRows(yield* EditionRows.at(edition, through)), through)
  }
  compareKappa(kappaAnswer, lastSequence)

  const inMemory = yield* RecordsInMemory.of(raw)
  const { corrected, naive } = yield* shown("wirings ", (tell) =>
    compareWirings(
      {
        ...Questions.rules,
        topic: inMemory,
        archive: live.archive.directory,
        directory,
        decode: Questions.decodeOnce(),
        questions: Questions.questions(edition)
      },
      (through) => Effect.succeed(truthAt(through)),
      { batches: batchesAt.map(at), reads },
      tell
    )
  )
  const correctedLive = disagreeing(lambdaAnswer.tables, truthAt(lastSequence)).map(
    ({ answered, ...found }) =>
      ({
        ...found,
        at: lastSequence,
        lambda: answered,
        cause: "unknown",
        wiring: "corrected, live"
      }) as LambdaDisagreement
  )
  const rows = reads.reduce(
    (sum, through) => sum + Object.values(truthAt(through)).reduce((all, table) => all + table.size, 0),
    0
  )
  return {
    broker: broker.backend,
    durability: broker.durability,
    seed,
    events: settings.rows,
    leftOut: yield* leftOut(),
    rows,
    lambda: {
      batchRuns: batchesAt.length,
      naive,
      corrected: { disagreements: [...corrected, ...correctedLive] }
    },
    kappa: { disagreements: kappa },
    freshnessMillis: {
      lambda: Freshness.summarize(samples.lambda),
      kappa: Freshness.summarize(samples.kappa)
    },
    answerMillis: { lambda: lambdaCost.wallMillis, kappa: kappaCost.wallMillis },
    cpuSecondsPerMillion
  } satisfies CompareReport
})
