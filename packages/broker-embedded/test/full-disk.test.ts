import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { startChild } from "./ChildProcess.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

describe("a disk that takes no more", () => {
  it.live.skipIf(process.platform === "win32")(
    "fails with StorageFailed, refuses until it is opened again, and keeps what it acknowledged",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const child = yield* startChild("full-writer.ts", [directory], { fileKilobytesMax: 100 })
        yield* child.line("read")
        yield* child.ended
        const acknowledged = child.lines
          .filter((line) => line.startsWith("A "))
          .map((line) => Number(line.slice(2)))
        assert.isAbove(acknowledged.length, 50)
        const failed = yield* child.line("failed")
        assert.match(failed, /^failed StorageFailed append to full: StorageFailed\. write .*EFBIG/)
        assert.match(failed, /Build the broker's layer again/)
        assert.strictEqual(yield* child.line("append"), "append StorageFailed")
        assert.strictEqual(yield* child.line("delete"), "delete StorageFailed")
        assert.strictEqual(yield* child.line("last"), "last StorageFailed")
        assert.strictEqual(yield* child.line("info"), "info StorageFailed")
        assert.strictEqual(yield* child.line("read"), `read ${acknowledged.length}`)

        yield* Effect.gen(function* () {
          const topic = yield* (yield* Broker).topic({ name: "full" })
          const records = yield* Stream.runCollect(topic.read({ from: "first" }))
          const sequences = records.map((record) => record.sequence)
          assert.deepStrictEqual(sequences.slice(0, acknowledged.length), acknowledged)
          assert.isTrue(
            records.every((record) => record.data.length === 1_000 && record.data.every((b) => b === 7))
          )
          const { sequence } = yield* topic.append({ subject: "a", data: new Uint8Array(1_000) })
          assert.strictEqual(sequence, (sequences.at(-1) ?? 0) + 1)
        }).pipe(Effect.provide(Embedded.layer({ directory, durability: "os" })))
      })
  )
})
