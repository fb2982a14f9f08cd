import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SimFs } from "../src/disk/SimFs.ts"
import { SegmentIndex } from "../src/log/SegmentIndex.ts"
import { withLog } from "./sim-log.ts"

describe("where a read ends", () => {
  const index = new SegmentIndex(100)
  for (const position of [64, 164, 600, 700]) index.note(position, position, 0)
  const size = 800

  for (const [position, wanted, end, why] of [
    [64, 50, 164, "the first entry after it, when none is in reach"],
    [64, 100, 164, "an entry just in reach"],
    [64, 535, 164, "the last entry in reach"],
    [64, 536, 600, "the last entry in reach, exactly there"],
    [164, 10, 600, "a batch larger than what is wanted, whole"],
    [620, 10, 700, "from between two entries, the next one"],
    [700, 10, 800, "after the last entry, the end"],
    [64, 5000, 800, "the end, when it is in reach"]
  ] as const)
    it(why, () => assert.strictEqual(index.endOfRead(position, wanted, size), end))
})

describe("a read takes from the disk what it answers, and little more", () => {
  it.effect("neither the batch after its last one nor a part of it", () => {
    const fs = new SimFs(1)
    return withLog(fs, { durability: "os", batchBytes: 1 << 20 }, (log) =>
      Effect.gen(function* () {
        for (let n = 0; n < 8; n++) {
          for (let i = 0; i < 900; i++) log.append({ value: new Uint8Array(1000), timeMillis: n })
          yield* log.flush
        }
        let bytes = 0
        const read = fs.read.bind(fs)
        fs.read = (file, into, at, length, position) => {
          const got = read(file, into, at, length, position)
          bytes += got
          return got
        }
        let answered = 0
        for (let from = 1; from < log.nextSequence; ) {
          for (const batch of log.read(from, 1 << 20)) {
            answered += batch.bytes.length
            from = batch.nextSequence
          }
        }
        assert.isAtMost(bytes, answered)
      })
    )
  })
})
