import * as Schema from "effect/Schema"

/** The model of a role, by what tells it from others. */
export const ModelShown = Schema.Struct({
  model: Schema.String,
  checksum: Schema.String,
  /** Of the run's registry. */
  revision: Schema.Int
})

/** One reason for a probability: a few clicks in a row, and what they add to the log-odds. */
const Reason = Schema.Struct({ what: Schema.String, count: Schema.Int, logOdds: Schema.Number })

const Probability = Schema.NullOr(Schema.Number)

/** An open session with the probabilities that it will have a purchase. */
const OpenSession = Schema.Struct({
  key: Schema.String,
  sessionId: Schema.String,
  startMillis: Schema.Number,
  lastMillis: Schema.Number,
  /** Events before the first purchase. */
  clicks: Schema.Int,
  bought: Schema.Boolean,
  /** All symbols so far. */
  symbols: Schema.Array(Schema.Int),
  /** The champion's probability after the last event; null while it is silent. */
  champion: Probability,
  challenger: Probability,
  /** The champion's probability after each event. */
  history: Schema.Array(Probability),
  /** Why, as far as a logistic regression knows: the k-grams that move it furthest. */
  reasons: Schema.Array(Reason)
})

/** The open sessions now, likeliest buyers first. */
export const OpenReport = Schema.Struct({
  /** Null while the models are being trained. */
  champion: Schema.NullOr(ModelShown),
  challenger: Schema.NullOr(ModelShown),
  /** Clicks scored since the app began, those that were in the topic already included. */
  scored: Schema.Int,
  /** Scores that late clicks changed. */
  corrected: Schema.Int,
  /** How often a model was swapped for another. */
  swaps: Schema.Int,
  /** Why the last model that somebody stored is not used; null when it is. */
  refused: Schema.NullOr(Schema.String),
  /** Nothing is said before this event of a session. */
  fromClicks: Schema.Int,
  /** How many sessions are open. */
  open: Schema.Int,
  /** Of those that were told a probability at all. */
  sessions: Schema.Array(OpenSession)
})
export type OpenReport = typeof OpenReport.Type
export type OpenShown = typeof OpenSession.Type
