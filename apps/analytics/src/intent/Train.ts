import type { Model } from "@troupe/intent"
import { Evaluation, ModelBlob, Split, Trajectory } from "@troupe/intent"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Candidates from "./Candidates.ts"
import { checkSize, trained } from "./IntentEvaluation.ts"
import type { Clicks } from "./IntentInput.ts"
import type { StoredModel, TrainReport } from "./TrainReport.ts"

const sizeOf = (set: ReadonlyArray<Trajectory.Trajectory>) => ({
  sessions: set.length,
  buyers: Trajectory.countBuyers(set)
})

/** Trains a model on some users' sessions, chooses by others', tests it on yet others'; then has it stored. */
export const run = Effect.fn("Train.run")(function* <E, R>(
  clicks: Clicks,
  options: {
    readonly trainer: { readonly name: string; readonly train: Candidates.Trainer }
    readonly seed: number
    readonly storedBy: TrainReport["storedBy"]
    readonly store: (model: Model) => Effect.Effect<StoredModel, E, R>
  }
) {
  const began = yield* Clock.currentTimeMillis
  const kept = Trajectory.keep(Trajectory.ofEvents(clicks.events))
  yield* checkSize("natural", kept)
  const split = Split.byUser(kept, { seed: options.seed })
  const model = yield* trained(options.trainer.train(split))
  const stored = yield* options.store(model)
  const found = Evaluation.report([model], split).models[model.name]?.perEvent
  return {
    ...stored,
    input: clicks.name,
    storedBy: options.storedBy,
    train: sizeOf(split.train),
    validation: sizeOf(split.validation),
    test: sizeOf(split.test),
    auc: found?.auc ?? null,
    averagePrecision: found?.averagePrecision ?? null,
    f1: found?.f1 ?? null,
    logLoss: found?.logLoss ?? null,
    ece: found?.ece ?? null,
    seconds: ((yield* Clock.currentTimeMillis) - began) / 1000
  } satisfies TrainReport
})

/** A model as bytes, for the way to an app. */
export const toBytes = (model: Model): Uint8Array<ArrayBuffer> => Uint8Array.from(ModelBlob.encode(model))
