import * as Schema from "effect/Schema"

const SetSize = Schema.Struct({ sessions: Schema.Int, buyers: Schema.Int })
const Figure = Schema.NullOr(Schema.Number)

/** The roles that models have in a run. */
export const Role = Schema.Literals(["champion", "challenger"])
export type Role = typeof Role.Type

/** A model as the run's registry holds it. */
export const StoredModel = Schema.Struct({
  model: Schema.String,
  role: Role,
  /** Of the registry; rises with each change of any role. */
  revision: Schema.Int,
  bytes: Schema.Int,
  /** CRC-32 of the blob. */
  checksum: Schema.String
})
export type StoredModel = typeof StoredModel.Type

/** A model that was trained and stored, and how good it is on sessions of users that it never saw. */
export const TrainReport = Schema.Struct({
  ...StoredModel.fields,
  input: Schema.String,
  /** `app`: the app that holds the directory stored it and goes on with it. `here`: this process stored it. */
  storedBy: Schema.Literals(["app", "here"]),
  train: SetSize,
  validation: SetSize,
  test: SetSize,
  /** After every event from the fifth on, on the test set. */
  auc: Figure,
  averagePrecision: Figure,
  f1: Figure,
  logLoss: Figure,
  ece: Figure,
  seconds: Schema.Number
})
export type TrainReport = typeof TrainReport.Type
