import {
  Boosting,
  Logistic,
  Lstm,
  LstmGenerative,
  Markov,
  type Model,
  Motifs,
  type Split,
  type Training
} from "@troupe/intent"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Nobody knows how to train a model of this name. */
export class UnknownModel extends Schema.TaggedError<UnknownModel>()("UnknownModel", {
  name: Schema.String
}) {
  override get message() {
    return `There is no model "${this.name}". Name one of ${known.join(", ")}; the LSTMs with any multiple of 4 units up to ${Lstm.hiddenMax}.`
  }
}

/** The models of a report unless somebody names others; the prior and length-only are beside them in any case. */
export const usual: ReadonlyArray<string> = [
  "markov-1",
  "markov-2",
  "motifs",
  "logistic",
  "boosting",
  "lstm-16",
  "lstm-generative-16"
]

const known = [...usual.slice(0, -2), "lstm-<units>", "lstm-generative-<units>"]

/** How a model is made from a split's train set, with its validation set for whatever has to be chosen. */
export type Trainer = (split: Pick<Split.Split, "train" | "validation">) => Training.Training<Model>

const nets = /^lstm(-generative)?-?(\d{1,4})$/

/** The trainer of a model, by the name that it has in reports; `lstm16` is `lstm-16`. Nets begin from the seed. */
export const trainer = (
  name: string,
  seed: number
): Effect.Effect<{ readonly name: string; readonly train: Trainer }, UnknownModel> => {
  const found = (train: Trainer) => Effect.succeed({ name, train })
  switch (name) {
    case "markov-1":
      return found(({ train }) => Markov.train(train))
    case "markov-2":
      return found(({ train }) => Markov.train(train, { order: 2 }))
    case "motifs":
      return found(({ train }) => Motifs.train(train))
    case "logistic":
      return found(({ train, validation }) => Logistic.train(train, { validation }))
    case "boosting":
      return found(({ train, validation }) => Boosting.train(train, { validation }))
  }
  const net = nets.exec(name)
  const hidden = Number(net?.[2])
  if (net === null || hidden < 4 || hidden > Lstm.hiddenMax || hidden % 4 !== 0) {
    return Effect.fail(new UnknownModel({ name }))
  }
  return net[1] === undefined
    ? Effect.succeed({
        name: `lstm-${hidden}`,
        train: ({ train, validation }) => Lstm.train(train, { hidden, seed, validation })
      })
    : Effect.succeed({
        name: `lstm-generative-${hidden}`,
        train: ({ train }) => LstmGenerative.train(train, { hidden, seed })
      })
}

/** The trainers of a list of names with commas between them, each once. */
export const trainers = (names: string, seed: number) =>
  Effect.forEach([...new Set(names.split(",").map((name) => name.trim()))], (name) =>
    trainer(name, seed)
  ).pipe(Effect.map((found) => [...new Map(found.map((one) => [one.name, one])).values()]))
