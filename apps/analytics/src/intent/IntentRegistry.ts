import { Simulator } from "@troupe/clickstream"
import {
  Logistic,
  Lstm,
  type Model,
  ModelBlob,
  ModelRegistry,
  Split,
  type Training,
  Trajectory
} from "@troupe/intent"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Role, StoredModel } from "./TrainReport.ts"

/** Models speak from this event of a session on: they are trained on sessions that get there. */
export const fromClicks = Trajectory.paperLengths.least

/** The models of the run, by role. */
export const open = ModelRegistry.open({ name: "intent" })

/** Stores a model in a role, in place of what is there. */
export const put = Effect.fnUntraced(function* (
  registry: ModelRegistry.ModelRegistry,
  role: Role,
  model: Model
) {
  const before = yield* registry.get(role).pipe(
    Effect.map((held) => (Option.isSome(held) ? held.value.revision : 0)),
    // A model that cannot be used is there to be replaced; only a watch tells its revision.
    Effect.catchTag("ModelInvalid", () =>
      registry.watch(role).pipe(
        Stream.runHead,
        Effect.map((change) => (Option.isSome(change) ? change.value.revision : 0))
      )
    )
  )
  const revision = yield* registry.put(role, model, before)
  return {
    model: model.name,
    role,
    revision,
    bytes: ModelBlob.encode(model).length,
    checksum: ModelBlob.checksum(model)
  } satisfies StoredModel
})

/** A model that scores, and where it comes from. */
export interface Used {
  readonly model: Model
  readonly revision: number
  readonly from: string
}

/** Simulated shoppers to learn from: others than those of a run with the same seed. */
export const otherSeed = (seed: number): number => seed + 1_000_003
const sessionsToLearn = 8_000

/** What a run that has no models is given: a logistic regression as champion, an LSTM of 16 units in its shadow. The same bits for the same seed. */
const trainFor = (role: Role, seed: number): Training.Training<Model> => ({
  model: role,
  *steps() {
    const events = Simulator.events({ seed: otherSeed(seed), sessions: sessionsToLearn })
    const { train, validation } = Split.byUser(Trajectory.keep(Trajectory.ofEvents(events)), {
      seed,
      validation: 0.2,
      test: 0
    })
    const training: Training.Training<Model> =
      role === "champion"
        ? Logistic.train(train, { validation })
        : Lstm.train(train, { hidden: 16, seed, epochs: 4, validation })
    return yield* training.steps()
  }
})

/** The run's model of a role; when it has none, one is trained on simulated shoppers of another seed and stored. */
export const ensure = Effect.fnUntraced(function* <E, R>(
  registry: ModelRegistry.ModelRegistry,
  role: Role,
  seed: number,
  trained: (training: Training.Training<Model>) => Effect.Effect<Model, E, R>
) {
  const held = yield* registry.get(role)
  if (Option.isSome(held)) {
    const { model, revision } = held.value
    return { model, revision, from: `revision ${revision} of the run's registry` } satisfies Used
  }
  const model = yield* trained(trainFor(role, seed))
  const revision = yield* registry.put(role, model, 0)
  return {
    model,
    revision,
    from: `trained on ${sessionsToLearn} simulated sessions, seed ${otherSeed(seed)}`
  } satisfies Used
})
