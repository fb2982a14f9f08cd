import { Progress } from "@troupe/console"
import { Evaluation, type Model, type Report, Split, Training, Trajectory } from "@troupe/intent"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Candidates from "./Candidates.ts"
import type { Clicks } from "./IntentInput.ts"
import type { IntentReport } from "./IntentReport.ts"
import { choose, type SetName } from "./SetName.ts"

/** Below so many buyers one split would leave too few to test: every session is tested once, over folds. */
const buyersForOneSplit = 300
const folds = 5

/** There are too few sessions to train on some and to test on others. */
export class TooFew extends Schema.TaggedError<TooFew>()("TooFew", {
  set: Schema.String,
  sessions: Schema.Int,
  buyers: Schema.Int
}) {
  override get message() {
    return `The ${this.set} set has ${this.sessions} sessions of 5 to 155 events, ${this.buyers} of them with a purchase: too few to learn from and to test. Give an input with at least ${folds} sessions with a purchase and ${folds} without, or another --set.`
  }
}

/** Runs a training with its progress on standard error. */
export const trained = Effect.fnUntraced(function* <A>(training: Training.Training<A>) {
  const shown = yield* Progress.shown
  return yield* shown(training.model.padEnd(9), (tell) =>
    Effect.gen(function* () {
      let done = 0
      const made = yield* Effect.raceFirst(
        Training.run(training, (progress) => {
          done = progress.done
        }),
        tell({ done: 0, total: 1 }).pipe(
          Effect.andThen(
            Effect.suspend(() => tell({ done: Math.floor(1000 * done), total: 1000 })).pipe(
              Effect.delay("100 millis"),
              Effect.forever
            )
          )
        )
      )
      yield* tell({ done: 1000, total: 1000 })
      return made
    })
  )
})

/** Fails for a set that cannot be split into parts with both classes. */
export const checkSize = (set: string, trajectories: ReadonlyArray<Trajectory.Trajectory>) => {
  const buyers = Trajectory.countBuyers(trajectories)
  return buyers < folds || trajectories.length - buyers < folds
    ? Effect.fail(new TooFew({ set, sessions: trajectories.length, buyers }))
    : Effect.void
}

const evaluate = Effect.fnUntraced(function* (
  set: ReadonlyArray<Trajectory.Trajectory>,
  trainers: ReadonlyArray<{ readonly name: string; readonly train: Candidates.Trainer }>,
  seed: number
) {
  if (Trajectory.countBuyers(set) < buyersForOneSplit) {
    return yield* trained(
      Evaluation.crossValidate(
        set,
        trainers.map(({ train }) => train),
        { folds, seed }
      )
    )
  }
  const split = Split.byUser(set, { seed })
  const models: Array<Model> = []
  for (const { train } of trainers) models.push(yield* trained(train(split)))
  return Evaluation.report(models, split)
})

/** Labels, cuts and keeps the sessions of some clicks; trains models on a part, and says how well they do on the rest. */
export const run = Effect.fn("IntentEvaluation.run")(function* (
  clicks: Clicks,
  options: {
    readonly trainers: ReadonlyArray<{ readonly name: string; readonly train: Candidates.Trainer }>
    readonly set: SetName
    readonly seed: number
  }
) {
  const began = yield* Clock.currentTimeMillis
  const { seed } = options
  const all = Trajectory.ofEvents(clicks.events)
  const kept = Trajectory.keep(all)
  const set = choose(options.set, kept, seed)
  yield* checkSize(options.set, set)
  const found: Report.Report = yield* evaluate(set, options.trainers, seed)
  const report: IntentReport = {
    sessions: all.length,
    purchaseSessions: Trajectory.countBuyers(all),
    kept: kept.length,
    keptBuyers: Trajectory.countBuyers(kept),
    models: Object.fromEntries(
      Object.entries(found.models).map(([name, { byPrefix, perEvent, whole }]) => [
        name,
        { byPrefix, perEvent, whole }
      ])
    ),
    input: clicks.name,
    events: clicks.events.length,
    rejected: clicks.rejects.length,
    seed,
    set: { name: options.set, sessions: set.length, buyers: Trajectory.countBuyers(set) },
    split: { folds: found.folds, train: found.train, validation: found.validation, test: found.test },
    plots: [],
    seconds: ((yield* Clock.currentTimeMillis) - began) / 1000
  }
  return { report, found }
})
