import { assert, describe, it } from "@effect/vitest"
import { Prng } from "@troupe/clickstream"
import { exp, gateSigmoid, gateTanh, log, sigmoid, softplus } from "../src/Elementary.ts"

/** Numbers of all sizes, the same ones every time. */
const numbers = (count: number, bound: number): ReadonlyArray<number> => {
  const prng = Prng.make(1)
  return Array.from({ length: count }, (_, i) => {
    const small = prng.next()
    return (2 * prng.next() - 1) * bound * (i % 2 === 0 ? 1 : small * small * small * small * small)
  })
}

describe("exp and log", () => {
  it("are those of the engine to the last two bits, over all of their range", () => {
    for (const x of numbers(20_000, 708)) {
      const expected = Math.exp(x)
      assert.closeTo(exp(x), expected, 4.5e-16 * expected + 5e-324, `${x}`)
      const back = log(expected)
      assert.closeTo(back, Math.log(expected), 4.5e-16 * Math.abs(back) + 1e-300, `${x}`)
    }
    for (const x of [
      0,
      709.7,
      709.79,
      -745,
      -746,
      -708.5,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY
    ]) {
      assert.closeTo(exp(x) / Math.exp(x) || 1, 1, 1e-15, `${x}`)
    }
    assert.deepStrictEqual([exp(800), exp(-800), exp(Number.NaN)], [Number.POSITIVE_INFINITY, 0, Number.NaN])
    assert.deepStrictEqual(
      [log(0), log(-1), log(1), log(5e-324), log(Number.POSITIVE_INFINITY)],
      [Number.NEGATIVE_INFINITY, Number.NaN, 0, Math.log(5e-324), Number.POSITIVE_INFINITY]
    )
  })

  it("have the bits that were written down, on every machine", () => {
    let hash = 0
    const bits = new Uint32Array(2)
    const value = new Float64Array(bits.buffer)
    for (const x of numbers(5000, 40)) {
      for (const made of [
        exp(x),
        log(Math.abs(x) + 1e-9),
        sigmoid(x),
        gateSigmoid(x),
        gateTanh(x),
        softplus(x)
      ]) {
        value[0] = made
        hash = Prng.mix(hash ^ (bits[0] as number), bits[1] as number)
      }
    }
    assert.strictEqual(hash.toString(16), "a4ba3e1a")
  })
})

describe("gates", () => {
  it("are within 1e-8 of the functions they stand for", () => {
    for (const x of [...numbers(20_000, 100), 0, 1e-9, 700, -700]) {
      assert.closeTo(gateSigmoid(x), 1 / (1 + Math.exp(-x)), 1e-8, `${x}`)
      assert.closeTo(gateTanh(x), Math.tanh(x), 1e-8, `${x}`)
      assert.closeTo(sigmoid(x), 1 / (1 + Math.exp(-x)), 3e-16, `${x}`)
      assert.closeTo(softplus(x), Math.log1p(Math.exp(x)), 1e-14 * Math.max(1, x) || 1, `${x}`)
    }
  })
})
