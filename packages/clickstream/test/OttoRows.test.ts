import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ClickEvent, ClickReader, Reject } from "../src/index.ts"
import { fixture, inPieces, utf8 } from "./fixtures.ts"

const collect = Effect.fnUntraced(function* (
  bytes: Uint8Array,
  options?: ClickReader.ReadOptions & { readonly piece?: number }
) {
  const chunks = yield* Stream.runCollect(ClickReader.read(inPieces(bytes, options?.piece ?? 64), options))
  return {
    chunks,
    events: chunks.flatMap((chunk) => chunk.events),
    rejects: chunks.flatMap((chunk) => chunk.rejects)
  }
})

describe("OTTO", () => {
  it.effect("is told by its first line; each event of a shopper is a row with a position in its id", () =>
    Effect.gen(function* () {
      const { chunks, events } = yield* collect(fixture("otto.jsonl"))
      assert.strictEqual(chunks[0]?.format, "otto")
      assert.deepStrictEqual(
        events.map(({ action, eventId, row, skus, symbol }) => [eventId, row, symbol, action, skus.join()]),
        [
          ["7:1", 1, 2, "detail", "11"],
          ["7:2", 2, 3, "add", "12"],
          ["7:3", 3, 5, "purchase", "11"],
          ["7:4", 4, 5, "purchase", "12"],
          ["8:4", 9, 2, "detail", "13"],
          ["ten:1", 13, 2, "detail", "a-1"]
        ]
      )
      assert.deepStrictEqual(events[1], {
        eventId: "7:2",
        key: "7",
        sessionIdHash: "7",
        row: 2,
        symbol: 3,
        action: "add",
        skus: ["12"],
        timeMillis: 1_660_000_004_000,
        urlHash: "",
        hitNumber: 2
      })
      const decode = Schema.decodeUnknownEffect(ClickEvent)
      for (const event of events) assert.deepStrictEqual(yield* decode(event), event)
    })
  )

  it.effect(
    "every bad event and every bad line is a reject; events and rejects together count the rows",
    () =>
      Effect.gen(function* () {
        const { events, rejects } = yield* collect(fixture("otto.jsonl"))
        assert.deepStrictEqual(rejects.map(Reject.format), [
          'line 2, column (row): "not json" is not JSON',
          'line 4, column type: "{\\"aid\\":11,\\"ts\\":1660000000000,\\"type\\":\\"views\\"}" is not clicks, carts or orders',
          'line 4, column ts: "{\\"aid\\":11,\\"ts\\":\\"soon\\",\\"type\\":\\"clicks\\"}" is not a time in whole milliseconds since 1970',
          'line 4, column aid: "{\\"ts\\":1660000001000,\\"type\\":\\"clicks\\"}" is not a product',
          'line 5, column session: "{\\"session\\":null,\\"events\\":[]}" is not a whole number or a name',
          'line 6, column events: "{\\"session\\":9,\\"events\\":\\"none\\"}" is not a list of events',
          'line 7, column session: "[]" is not a whole number or a name',
          'line 8, column events: "null" is not an event'
        ])
        const rows = [...events, ...rejects].map(({ row }) => row).sort((a, b) => a - b)
        assert.deepStrictEqual(
          rows,
          Array.from({ length: 14 }, (_, i) => i + 1)
        )
      })
  )

  it.effect("is the same however the bytes are cut, compressed or not, and goes on at any row", () =>
    Effect.gen(function* () {
      const bytes = fixture("otto.jsonl")
      const whole = yield* collect(bytes, { piece: 1_000_000 })
      for (const piece of [1, 3, 50]) {
        for (const source of [bytes, new Uint8Array(gzipSync(bytes))]) {
          const cut = yield* collect(source, { piece, rowsPerChunk: 3 })
          assert.deepStrictEqual(cut.events, whole.events)
          assert.deepStrictEqual(cut.rejects, whole.rejects)
          assert.isTrue(cut.chunks.every((chunk) => chunk.events.length + chunk.rejects.length <= 3))
        }
      }
      for (let fromRow = 1; fromRow <= 15; fromRow++) {
        const rest = yield* collect(bytes, { fromRow })
        assert.deepStrictEqual(
          rest.events,
          whole.events.filter(({ row }) => row >= fromRow)
        )
        assert.deepStrictEqual(
          rest.rejects,
          whole.rejects.filter(({ row }) => row >= fromRow)
        )
      }
    })
  )

  it.effect("a line over the limit, or with bytes that are not UTF-8, costs itself and no other", () =>
    Effect.gen(function* () {
      const good = '{"session":1,"events":[{"aid":1,"ts":5,"type":"clicks"}]}'
      const bytes = utf8(
        `${good}\n{"session":2,"x":"${"y".repeat(1_100_000)}"}\n${good}\n{"session":"?"}\n${good}`
      )
      bytes[bytes.lastIndexOf(63)] = 0xff
      for (const piece of [65_536, 10_000_000]) {
        const { events, rejects } = yield* collect(bytes, { piece, format: "otto" })
        assert.deepStrictEqual(
          events.map(({ row }) => row),
          [1, 3, 5]
        )
        assert.deepStrictEqual(
          rejects.map(({ line, reason }) => [line, reason]),
          [
            [2, "is longer than 1048576 characters"],
            [4, "holds bytes that are not UTF-8"]
          ]
        )
        assert.isTrue(rejects.every(({ value }) => value.length <= 200))
      }
    })
  )

  it.effect("other JSON is refused at its first line with a remedy, unless it was named", () =>
    Effect.gen(function* () {
      const good = '{"session":1,"events":[{"aid":1,"ts":5,"type":"clicks"}]}'
      const others = [
        '{\n  "session": 1,\n  "events": []\n}\n',
        `\n{"name":"x"}\n${good}\n`,
        '{"session":1}',
        "{",
        `{"a":"${"y".repeat(1_100_000)}"}\n${good}\n`
      ]
      for (const text of others) {
        for (const piece of [1, 10_000_000]) {
          if (piece === 1 && text.length > 1000) continue
          const error = yield* Effect.flip(collect(utf8(text), { piece }))
          assert.strictEqual(error._tag, "HeaderInvalid")
          assert.match(
            error.message,
            /line [12]: column events is missing|line [12]: column session is missing/
          )
          assert.include(error.message, "Give a CSV with a header line, or JSON lines")
        }
        const { events, rejects } = yield* collect(utf8(text), { piece: 1000, format: "otto" })
        assert.isAbove(rejects.length, 0)
        assert.strictEqual(events.length, text.includes(good) ? 1 : 0)
      }
      const { rejects } = yield* collect(utf8(`{"session":null,"events":1}\n${good}`))
      assert.deepStrictEqual(
        rejects.map(({ column }) => column),
        ["session"]
      )
    })
  )
})
