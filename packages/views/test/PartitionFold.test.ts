import { assert, describe, it } from "@effect/vitest"
import * as PartitionFold from "../src/PartitionFold.ts"
import { purchase, record, totals } from "./counting.ts"

const view = totals({})
const records = Array.from({ length: 100 }, (_, index) => record(index + 1, purchase(index)))
const begin = (cutting: PartitionFold.Cutting) =>
  PartitionFold.make(view, 0, cutting, {
    state: view.initial(0),
    position: PartitionFold.origin,
    recorded: []
  })

/** Takes every chunk that can be had, as if each commit were stored at the next sequence. */
const drain = (fold: PartitionFold.PartitionFold, ended: boolean): Array<number> => {
  const ends: Array<number> = []
  for (;;) {
    const step = fold.take(ended)
    if (step === undefined) return ends
    if (step._tag !== "Step") throw new Error(step._tag)
    for (const commit of step.commits) fold.committed(commit, fold.position().outSequence + 1)
    ends.push(fold.position().inSequence)
  }
}

describe("PartitionFold", () => {
  it("cuts full chunks at the same records however they arrive", () => {
    const fold = begin({ chunkRecords: 16, chunkBytes: 1e9 })
    const ends: Array<number> = []
    for (let at = 0; at < 100; at += 7) {
      fold.offer(records.slice(at, at + 7))
      ends.push(...drain(fold, false))
    }
    assert.deepStrictEqual(ends, [16, 32, 48, 64, 80, 96])
    assert.strictEqual(fold.buffered(), 4)
  })

  it("is back at the fixed cuts after a short chunk of the live end", () => {
    const fold = begin({ chunkRecords: 16, chunkBytes: 1e9 })
    fold.offer(records.slice(0, 20))
    assert.deepStrictEqual(drain(fold, true), [16, 20])
    fold.offer(records.slice(20, 60))
    assert.deepStrictEqual(drain(fold, false), [32, 48])
  })

  it("cuts a chunk earlier where its bytes say so", () => {
    const bytes = records[0]?.data.length ?? 0
    const fold = begin({ chunkRecords: 16, chunkBytes: bytes * 5 })
    fold.offer(records)
    const ends = drain(fold, false)
    assert.isAtLeast(ends.length, 18)
    assert.isTrue(ends.every((end, index) => end - (ends[index - 1] ?? 0) <= 6))
  })

  it("skips records that it has seen", () => {
    const fold = begin({ chunkRecords: 10, chunkBytes: 1e9 })
    fold.offer(records.slice(0, 15))
    fold.offer(records.slice(5, 25))
    assert.deepStrictEqual(drain(fold, false), [10, 20])
    assert.strictEqual(fold.position().records, 20)
  })
})
