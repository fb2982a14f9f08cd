import { assert, describe, it } from "@effect/vitest"
import { Sessions, SnapshotInvalid } from "../src/index.ts"
import { hit, hitSpec, run } from "./histories.ts"

const codec = Sessions.codec(hitSpec())
const bytes = (text: string) => new TextEncoder().encode(text)

describe("Sessions.codec", () => {
  it("keeps the state before the first event", () => {
    const back = codec.decode(codec.encode(Sessions.initial()))
    assert.strictEqual(back.watermarkMillis, Number.NEGATIVE_INFINITY)
    assert.strictEqual(back.components.size, 0)
  })

  it("encoding does not change the state", () => {
    const { state } = run(hitSpec(), [[hit("a", 0), hit("a", 50), hit("b", 60)]], { ends: false })
    const first = codec.encode(state)
    assert.deepStrictEqual(codec.encode(state), first)
  })

  it("refuses bytes that it did not write, saying what to do", () => {
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      '{"layout":1}',
      '{"layout":1,"watermarkMillis":0,"counts":{},"components":[[]]}'
    ]) {
      assert.throws(
        () => codec.decode(bytes(text)),
        SnapshotInvalid,
        /Rebuild the state by replaying the log/
      )
    }
    const other = new TextDecoder()
      .decode(codec.encode(Sessions.initial()))
      .replace('"layout":1', '"layout":2')
    assert.throws(() => codec.decode(bytes(other)), SnapshotInvalid, /has layout 2, this code reads 1/)
  })
})
