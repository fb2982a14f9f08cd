import { assert, describe, it } from "@effect/vitest"
import { Prng } from "@troupe/clickstream"
import { count, firstSeed } from "@troupe/vitest/counts"
import { columnsOf } from "../src/Columns.ts"
import { symbols } from "../src/InputSymbol.ts"
import { lay, type Rows } from "../src/LstmBatches.ts"
import { binary, categorical } from "../src/LstmHead.ts"
import * as LstmTape from "../src/LstmTape.ts"
import { initial, type LstmShape, viewsOf } from "../src/LstmWeights.ts"
import type { Trajectory } from "../src/Trajectory.ts"
import * as Reference from "./lstm-reference.ts"

const seeds = Array.from({ length: count({ quick: 6, long: 60 }) }, (_, i) => firstSeed() + i)

const cases = [
  { name: "one output, a loss on every event", rows: "label", outputs: 1, symbols: 5 },
  { name: "six outputs, the next symbol or the end", rows: "next", outputs: 6, symbols: 6 }
] as const

/** Sessions of 0 … 12 events, weights with some life in them, and the examples as the reference wants them. */
const setting = (seed: number, { outputs, rows, symbols: inputs }: (typeof cases)[number]) => {
  const prng = Prng.make(seed, 7)
  const below = (n: number) => Math.floor(prng.next() * n)
  const shape: LstmShape = { hidden: 4 * (1 + below(2)), symbols: inputs, outputs }
  const sessions = Array.from(
    { length: 1 + below(7) },
    (_, i): Trajectory => ({
      id: `${i}`,
      user: `${i}`,
      startMillis: 0,
      label: prng.next() < 0.5 ? 1 : 0,
      symbols: Array.from({ length: 1 + below(12) }, () => symbols[below(5)] ?? 1)
    })
  ).sort((a, b) => b.symbols.length - a.symbols.length)
  const weights = initial(shape, seed, [0.3])
  for (let i = 0; i < weights.all.length; i++) weights.all[i] = (weights.all[i] as number) * 2
  const columns = columnsOf(sessions)
  const batch = lay(
    columns,
    sessions.map((_, i) => i),
    rows as Rows
  )
  const examples = sessions.map(({ label, symbols: walked }): Reference.Example => {
    const codes = walked.map((symbol) => symbols.indexOf(symbol))
    return rows === "label"
      ? { symbols: codes, targets: codes.map(() => label) }
      : { symbols: [5, ...codes], targets: [...codes, 5] }
  })
  return { shape, weights, exact: viewsOf(shape, Float64Array.from(weights.all)), batch, examples }
}

for (const kind of cases) {
  describe(`an LSTM with ${kind.name}`, () => {
    it("has in 64 bits the gradient that its loss shows when each weight is moved", () => {
      for (const seed of seeds) {
        const { exact, examples, shape } = setting(seed, kind)
        const { gradient } = Reference.lossAndGradient(exact, examples)
        const step = 1e-5
        for (let i = 0; i < exact.all.length; i++) {
          const moved = [step, -step].map((by) => {
            const all = exact.all.slice()
            all[i] = (all[i] as number) + by
            return Reference.lossAndGradient(viewsOf(shape, all), examples).loss
          })
          const slope = ((moved[0] as number) - (moved[1] as number)) / (2 * step)
          assert.closeTo(
            gradient[i] as number,
            slope,
            1e-7 + 1e-6 * Math.abs(slope),
            `seed ${seed}, weight ${i}`
          )
        }
      }
    })

    it("has in 32 bits, batched and unpadded, the loss and the gradient of the reference", () => {
      for (const seed of seeds) {
        const { batch, exact, examples, shape, weights } = setting(seed, kind)
        const expected = Reference.lossAndGradient(exact, examples)
        const tape = LstmTape.make(shape.hidden, batch.rows, batch.count)
        const gradient = viewsOf(shape, new Float32Array(weights.all.length))
        // Twice: what is left on the tape and in the gradient by a batch before must not count.
        for (let round = 0; round < 2; round++) {
          gradient.all.fill(0)
          LstmTape.forward(weights, tape, batch)
          const loss = (kind.outputs === 1 ? binary : categorical)(weights, gradient, tape, batch, 1)
          LstmTape.backward(weights, gradient, tape, batch)
          assert.closeTo(loss, expected.loss, 1e-5 * Math.max(1, expected.loss), `seed ${seed}`)
          const largest = expected.gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
          for (let i = 0; i < gradient.all.length; i++) {
            assert.closeTo(
              gradient.all[i] as number,
              expected.gradient[i] as number,
              3e-6 * largest,
              `seed ${seed}, weight ${i}`
            )
          }
        }
      }
    })

    it("steps through an open session with the bits of the batch", () => {
      for (const seed of seeds) {
        const { batch, shape, weights } = setting(seed, kind)
        const tape = LstmTape.make(shape.hidden, batch.rows, batch.count)
        LstmTape.forward(weights, tape, batch)
        for (let b = 0; b < batch.count; b++) {
          const state = new Float32Array(2 * shape.hidden)
          const gates = new Float32Array(4 * shape.hidden)
          for (let t = 0; t < batch.times; t++) {
            const row = (batch.starts[t] as number) + b
            if (row >= (batch.starts[t + 1] as number)) break
            LstmTape.step(weights, state, gates, batch.symbols[row] as number)
            assert.deepStrictEqual(
              state.subarray(0, shape.hidden),
              tape.hidden.subarray(row * shape.hidden, (row + 1) * shape.hidden),
              `seed ${seed}, session ${b}, event ${t}`
            )
          }
        }
      }
    })
  })
}
