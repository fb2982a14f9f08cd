import { assert, describe, it } from "@effect/vitest"
import { Prng } from "@troupe/clickstream"
import * as Effect from "effect/Effect"
import { columnsOf } from "../src/Columns.ts"
import {
  Boosting,
  LengthOnly,
  Logistic,
  Lstm,
  LstmGenerative,
  Markov,
  type Model,
  ModelBlob,
  ModelInvalid,
  Motifs,
  Prior,
  score,
  Training,
  VisibilityMotifs
} from "../src/index.ts"
import * as KGrams from "../src/KGrams.ts"
import * as LogisticObjective from "../src/LogisticObjective.ts"
import { walk } from "./two-chains.ts"

const set = walk({ seed: 11, sessions: 300, least: 1 })
const validation = walk({ seed: 12, sessions: 100, least: 1 })

const trainings: ReadonlyArray<() => Training.Training<Model>> = [
  () => Prior.train(set),
  () => LengthOnly.train(set),
  () => Markov.train(set),
  () => Markov.train(set, { order: 2 }),
  () => Logistic.train(set),
  () => Logistic.train(set, { validation }),
  () => Motifs.train(set),
  () => Lstm.train(set, { hidden: 8, epochs: 2, validation }),
  () => LstmGenerative.train(set, { hidden: 4, epochs: 1 }),
  () => Boosting.train(set, { trees: 10, validation })
]

describe("every model", () => {
  it("is the same to the last bit whenever it is trained again", () => {
    for (const training of trainings) {
      const [first, again] = [Training.now(training()), Training.now(training())]
      assert.deepStrictEqual(ModelBlob.encode(again), ModelBlob.encode(first), first.name)
    }
  })

  it("has the bits that were written down, on every machine", () => {
    assert.deepStrictEqual(
      trainings.map((training) => ModelBlob.checksum(Training.now(training()))),
      [
        "759b832b",
        "59c823fb",
        "57b53620",
        "c66ed2f4",
        "64dd5306",
        "286c8260",
        "f8ce2265",
        "f912d933",
        "806248c5",
        "e87cb99f"
      ]
    )
  })

  it("answers probabilities, one after each event, that depend on nothing but the events before", () => {
    for (const training of trainings) {
      const model = Training.now(training())
      const scorer = model.scorer()
      const walks = set.slice(0, 20).map(({ symbols }) => symbols)
      const alone = walks.map((symbols) => score(model, symbols))
      for (const probability of alone.flat()) assert.isTrue(probability > 0 && probability < 1, model.name)
      // All sessions open at once, in turns.
      const states = walks.map(() => scorer.init())
      const together = walks.map(() => [] as Array<number>)
      for (let i = 0; i < 200; i++) {
        for (const [k, symbols] of walks.entries()) {
          const symbol = symbols[i]
          if (symbol !== undefined) together[k]?.push(scorer.step(states[k], symbol))
        }
      }
      assert.deepStrictEqual(together, alone, model.name)
    }
  })

  it("can be trained on nothing", () => {
    for (const model of [
      Prior.train([]),
      LengthOnly.train([]),
      Markov.train([]),
      Logistic.train([]),
      Motifs.train([]),
      Lstm.train([], { epochs: 1 }),
      LstmGenerative.train([], { epochs: 1 }),
      Boosting.train([], { trees: 2 })
    ]) {
      for (const probability of score(Training.now<Model>(model), [1, 2, 3, 4, 6])) {
        assert.isTrue(probability > 0 && probability < 1, model.model)
      }
    }
  })
})

describe("training", () => {
  it.live("between other work gives the bits of training at once, tells how far it is, and gives way", () =>
    Effect.gen(function* () {
      const training = () => Lstm.train(set, { hidden: 8, epochs: 4 })
      const told: Array<number> = []
      let turns = 0
      let immediate: NodeJS.Immediate | undefined
      const turn = () => {
        turns++
        immediate = setImmediate(turn)
      }
      turn()
      const model = yield* Training.run(training(), ({ done }) => told.push(done))
      clearImmediate(immediate)
      assert.deepStrictEqual(ModelBlob.encode(model), ModelBlob.encode(Training.now(training())))
      assert.isAtLeast(told.length, 4)
      assert.deepStrictEqual(
        told,
        [...told].sort((a, b) => a - b)
      )
      assert.strictEqual(told[told.length - 1], 1)
      assert.isAtLeast(turns, told.length - 1)
    })
  )

  it("on a validation set keeps the best epoch, and the best penalty", () => {
    const losses: Array<number> = []
    const options = { hidden: 8, epochs: 6, rate: 0.1, validation }
    const model = Training.now(Lstm.train(set, options), ({ validationLogLoss }) => {
      if (validationLogLoss !== undefined) losses.push(validationLogLoss)
    })
    assert.strictEqual(losses.length, 6)
    assert.isBelow(Math.min(...losses), losses[5] as number, "the last epoch is the best: nothing is shown")
    const logLoss = (trained: Model) => {
      let sum = 0
      let events = 0
      for (const { label, symbols } of validation) {
        for (const p of score(trained, symbols)) {
          sum -= Math.log(label === 1 ? p : 1 - p)
          events++
        }
      }
      return sum / events
    }
    assert.closeTo(logLoss(model), Math.min(...losses), 1e-9)
    const penalties = [1, 30, 1000]
    const chosen = Training.now(Logistic.train(set, { l2: penalties, validation }))
    const fixed = penalties.map((l2) => logLoss(Training.now(Logistic.train(set, { l2 }))))
    assert.closeTo(logLoss(chosen), Math.min(...fixed), 1e-3)
  })
})

describe("logistic regression", () => {
  it("has the loss, gradient and curvature of examples that are counted out prefix by prefix", () => {
    const few = set.slice(0, 12)
    const objective = LogisticObjective.make(columnsOf(few), 0.01)
    const prng = Prng.make(4)
    const weights = Float64Array.from({ length: LogisticObjective.weightCount }, () => prng.next() - 0.5)
    // Each prefix as a row of counts, by the definition of k-grams.
    const rows: Array<{ readonly x: Float64Array; readonly y: number }> = []
    for (const { label, symbols } of few) {
      const codes = symbols.map((symbol) => [1, 2, 3, 4, 6].indexOf(symbol))
      for (let n = 1; n <= codes.length; n++) {
        const x = new Float64Array(LogisticObjective.weightCount)
        for (let i = 0; i < n; i++) {
          const [a, b, c] = [codes[i - 2] ?? -1, codes[i - 1] ?? -1, codes[i] ?? 0]
          for (const position of [c, 5 + (b + 1) * 5 + c, 35 + ((a + 1) * 6 + b + 1) * 5 + c]) {
            x[position] = (x[position] as number) + 1
          }
        }
        if (n <= 4) x[215 + (n - 1) * 5 + (codes[n - 1] ?? 0)] = 1
        x[KGrams.size] = 1
        rows.push({ x, y: label })
      }
    }
    const margin = (w: Float64Array, x: Float64Array) =>
      x.reduce((sum, value, j) => sum + value * (w[j] ?? 0), 0)
    const loss = (w: Float64Array) =>
      rows.reduce((sum, { x, y }) => sum + Math.log1p(Math.exp(y === 1 ? -margin(w, x) : margin(w, x))), 0) /
        rows.length +
      0.005 * w.subarray(0, KGrams.size).reduce((sum, value) => sum + value * value, 0)
    assert.closeTo(objective.at(weights), loss(weights), 1e-12)
    const gradient = objective.gradient.slice()
    const diagonal = new Float64Array(weights.length)
    objective.diagonal(diagonal)
    const direction = Float64Array.from(weights, () => prng.next() - 0.5)
    const curved = new Float64Array(weights.length)
    objective.curve(direction, curved)
    for (let j = 0; j < weights.length; j++) {
      const penalty = j < KGrams.size ? 0.01 : 0
      let slope = penalty * (weights[j] as number)
      let bend = penalty
      let product = penalty * (direction[j] as number)
      for (const { x, y } of rows) {
        const p = 1 / (1 + Math.exp(-margin(weights, x)))
        slope += ((p - y) * (x[j] as number)) / rows.length
        bend += (p * (1 - p) * (x[j] as number) ** 2) / rows.length
        product += (p * (1 - p) * (x[j] as number) * margin(direction, x)) / rows.length
      }
      assert.closeTo(gradient[j] as number, slope, 1e-12, `gradient ${j}`)
      assert.closeTo(diagonal[j] as number, bend, 1e-12, `diagonal ${j}`)
      assert.closeTo(curved[j] as number, product, 1e-12, `curvature ${j}`)
    }
  })

  it("gives reasons that add up to its log-odds", () => {
    const model = Training.now(Logistic.train(set))
    for (const { symbols } of set.slice(0, 50)) {
      const all = Logistic.reasons(model, symbols, Number.POSITIVE_INFINITY)
      const sum = all.reduce((total, { logOdds }) => total + logOdds, model.weights[KGrams.size] as number)
      const probability = score(model, symbols)[symbols.length - 1] as number
      assert.closeTo(1 / (1 + Math.exp(-sum)), probability, 1e-12)
      const sizes = Logistic.reasons(model, symbols, 3).map(({ logOdds }) => Math.abs(logOdds))
      assert.deepStrictEqual(
        sizes,
        [...sizes].sort((a, b) => b - a)
      )
    }
    const named = Logistic.reasons(model, [1, 2, 3], 100).map(({ what }) => what)
    for (const what of ["view", "begin→view", "detail→add", "view→detail→add", "click 3 is add"]) {
      assert.include(named, what)
    }
  })
})

describe("Markov chains", () => {
  it("weigh what a chain of counts with an end weighs", () => {
    const few = [
      { id: "1", user: "1", startMillis: 0, label: 1, symbols: [1, 2] },
      { id: "2", user: "2", startMillis: 0, label: 0, symbols: [1, 1] }
    ] as const
    const model = Training.now(Markov.train(few, { smoothing: 1 }))
    // begin→1 is (1 + 1) / (1 + 6) in both; 1→2: buyers (1 + 1) / (1 + 6), others (0 + 1) / (2 + 6).
    const odds = ((1.5 / 1.5) * (2 / 7)) / (1 / 8)
    assert.closeTo(score(model, [1, 2])[1] as number, odds / (1 + odds), 1e-12)
  })
})

describe("the motif model", () => {
  it("knows nothing but frequencies before and after the fourth event", () => {
    const model = Training.now(Motifs.train(set))
    const [first, second, third, fourth] = score(model, [1, 2, 3, 6])
    assert.deepStrictEqual([second, third], [first, first])
    assert.notStrictEqual(fourth, first)
    assert.strictEqual(VisibilityMotifs.motifCount, 6)
  })
})

describe("a blob", () => {
  const models = trainings.map((training) => Training.now(training()))

  it("keeps a model bit for bit, and its size small", () => {
    for (const model of models) {
      const bytes = ModelBlob.encode(model)
      const again = ModelBlob.decode(bytes)
      assert.strictEqual(again.name, model.name)
      assert.deepStrictEqual(ModelBlob.encode(again), bytes)
      assert.deepStrictEqual(
        set.map(({ symbols }) => score(again, symbols)),
        set.map(({ symbols }) => score(model, symbols))
      )
    }
    assert.isBelow(ModelBlob.encode(Training.now(Logistic.train([]))).length, 3000)
    assert.isBelow(ModelBlob.encode(Training.now(Lstm.train([], { hidden: 32, epochs: 1 }))).length, 20_000)
  })

  const refusal = (bytes: Uint8Array): ModelInvalid => {
    try {
      ModelBlob.decode(bytes)
    } catch (cause) {
      if (cause instanceof ModelInvalid) return cause
      throw cause
    }
    throw new Error("was read")
  }

  it("with any byte changed or missing is refused", () => {
    const bytes = ModelBlob.encode(models[4] as Model)
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice()
      changed[i] = (changed[i] as number) ^ (1 << (i % 8))
      assert.include(["foreign", "newer", "damaged"], refusal(changed).reason, `byte ${i}`)
    }
    for (const length of [0, 3, 12, 100, bytes.length - 1]) refusal(bytes.slice(0, length))
    assert.strictEqual(refusal(new TextEncoder().encode("hello, this is a text")).reason, "foreign")
  })

  it("of a newer format, or of a kind unknown here, is refused with what to do", () => {
    const bytes = ModelBlob.encode(models[0] as Model)
    bytes[4] = ModelBlob.formatVersion + 1
    assert.strictEqual(
      refusal(bytes).message,
      "not a usable model: it has format version 2, this code reads 1. Update @troupe/intent, or train the model again with this version."
    )
    const unknown = {
      ...(models[0] as Model),
      parts: { kind: "oracle", name: "oracle", meta: {}, arrays: [] }
    }
    assert.match(refusal(ModelBlob.encode(unknown)).message, /kind "oracle", which this code does not know/)
  })

  it("whole, but with parameters that are none of its kind, is refused", () => {
    const of = (parts: Model["parts"]) => refusal(ModelBlob.encode({ ...(models[0] as Model), parts })).reason
    assert.strictEqual(
      of({ kind: "logistic", name: "l", meta: {}, arrays: [new Float64Array(7)] }),
      "content"
    )
    assert.strictEqual(
      of({ kind: "lstm", name: "l", meta: { hidden: 6 }, arrays: [new Float32Array(235)] }),
      "content"
    )
    assert.strictEqual(of({ kind: "lstm", name: "l", meta: {}, arrays: [] }), "content")
    assert.strictEqual(
      of({ kind: "prior", name: "p", meta: {}, arrays: [Float64Array.of(Number.NaN)] }),
      "content"
    )
  })
})
