import { assert, describe, it } from "@effect/vitest"
import * as Frames from "../src/Frames.ts"

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill)

describe("Frames", () => {
  it("gives back what was joined, at every length of the length", () => {
    const outputs = [0, 1, 127, 128, 16_383, 16_384, 70_000].map((length, index) => bytes(length, index))
    assert.deepStrictEqual(Frames.split(Frames.join(outputs)), outputs)
  })

  it("says how long a payload gets", () => {
    for (const length of [0, 127, 128, 16_383, 16_384]) {
      assert.strictEqual(Frames.sizeOf(bytes(length, 1)), Frames.join([bytes(length, 1)]).length)
    }
  })

  it("refuses a payload that is cut off", () => {
    const payload = Frames.join([bytes(200, 1)])
    assert.throws(() => Frames.split(payload.subarray(0, 100)), /inside an output/)
    assert.throws(() => Frames.split(payload.subarray(0, 1)), /inside a length/)
  })

  it("packs greedily, in order, never over the limit, and joins to the same bytes", () => {
    const outputs = Array.from({ length: 100 }, (_, index) => bytes(index, index))
    const groups = Frames.pack(outputs, 300)
    assert.isAbove(groups.length, 1)
    for (const group of groups) assert.isAtMost(Frames.join(group).length, 300)
    assert.deepStrictEqual(groups.flat(), outputs)
    const joined = groups.flatMap((group) => [...Frames.join(group)])
    assert.deepStrictEqual(joined, [...Frames.join(outputs)])
  })

  it("packs no outputs into one empty group", () => {
    assert.deepStrictEqual(Frames.pack([], 10), [[]])
  })
})
