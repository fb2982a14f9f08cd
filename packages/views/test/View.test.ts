import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { ChunkLaw, Codec, View } from "../src/index.ts"
import { purchase, record, totals } from "./counting.ts"

describe("View", () => {
  it("has a digest over name, version, code version and config", () => {
    const digest = totals({ every: 3 }).digest
    assert.match(digest, /^[0-9a-f]{16}$/)
    assert.strictEqual(totals({ every: 3 }).digest, digest)
    for (const other of [{ every: 4 }, { every: 3, version: 2 }, { every: 3, codeVersion: "2" }]) {
      assert.notStrictEqual(totals(other).digest, digest)
    }
  })

  it("names its topics by name, version and namespace", () => {
    const view = totals({ version: 3 })
    assert.strictEqual(view.id, "totals@3")
    assert.strictEqual(View.outputTopic(view), "totals-v3")
    assert.strictEqual(View.outputTopic(view, "again"), "totals-v3-again")
    assert.strictEqual(View.stateTopic(view), "totals-v3-state")
  })

  it("refuses names and versions that cannot be", () => {
    assert.throws(() => totals({ version: 0 }), /version 0/)
    assert.throws(() => totals({ version: 1.5 }), /version 1.5/)
    assert.throws(() => View.define({ ...totals({}), name: "a b" }), /name "a b"/)
  })
})

describe("Codec", () => {
  it("checks values of a schema both ways", () => {
    const codec = Codec.json(Schema.Struct({ at: Schema.DateTimeUtcFromString, n: Schema.Int }))
    const bytes = new TextEncoder().encode('{"at":"2026-01-02T03:04:05.000Z","n":1}')
    assert.deepStrictEqual(codec.encode(codec.decode(bytes)), bytes)
    assert.throws(() => codec.decode(new TextEncoder().encode('{"at":"x","n":1}')))
  })
})

describe("ChunkLaw", () => {
  const records = Array.from({ length: 60 }, (_, index) => record(index + 1, purchase(index)))
  const cuts = [[1], [7, 1, 13], [59]]

  it("holds for a fold that goes record by record", () => {
    assert.isUndefined(ChunkLaw.check(totals({ every: 2 }), records, { partition: 0, cuts }))
  })

  it("names the first output that depends on where a chunk was cut", () => {
    const perChunk = View.define<number, number>({
      name: "chunks",
      version: 1,
      initial: () => 0,
      fold: (state, chunk) => ({ state: state + 1, outputs: chunk.length > 50 ? [1] : [2] }),
      state: Codec.plainJson(),
      output: Codec.plainJson()
    })
    assert.deepStrictEqual(ChunkLaw.check(perChunk, records, { partition: 0, cuts }), {
      cuts: [1],
      output: 0
    })
  })

  it("sees a state that differs while the outputs agree", () => {
    const counting = View.define<number, number>({
      name: "calls",
      version: 1,
      initial: () => 0,
      fold: (state) => ({ state: state + 1, outputs: [] }),
      state: Codec.plainJson(),
      output: Codec.plainJson()
    })
    assert.deepStrictEqual(ChunkLaw.check(counting, records, { partition: 0, cuts }), {
      cuts: [1],
      output: -1
    })
  })
})
