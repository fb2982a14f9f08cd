import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ClickReader, type CsvMapping, Reject } from "../src/index.ts"
import { fixture, inPieces, utf8 } from "./fixtures.ts"

const mapping: CsvMapping = {
  key: "user_id",
  time: "event_time",
  timeUnit: "iso",
  kind: "event_type",
  kinds: { view: "detail", cart: "add", remove_from_cart: "remove", purchase: "purchase" },
  session: "user_session",
  sku: "product_id"
}

const collect = Effect.fnUntraced(function* (bytes: Uint8Array, options: ClickReader.ReadOptions) {
  const chunks = yield* Stream.runCollect(ClickReader.read(inPieces(bytes, 64), options))
  return {
    chunks,
    events: chunks.flatMap((chunk) => chunk.events),
    rejects: chunks.flatMap((chunk) => chunk.rejects)
  }
})

describe("any CSV with a mapping", () => {
  it.effect("columns and values become events as the mapping says", () =>
    Effect.gen(function* () {
      const { chunks, events } = yield* collect(fixture("shop.csv"), { mapping })
      assert.strictEqual(chunks[0]?.format, "csv")
      assert.deepStrictEqual(events[1], {
        eventId: "u1:2",
        key: "u1",
        sessionIdHash: "s1",
        row: 2,
        symbol: 3,
        action: "add",
        skus: ["p1"],
        timeMillis: Date.UTC(2019, 8, 30, 22, 0, 10, 500),
        urlHash: ""
      })
      assert.deepStrictEqual(
        events.map(({ action, skus, timeMillis }) => [action, skus.join("+"), timeMillis]),
        [
          ["detail", "p1", Date.UTC(2019, 9, 1)],
          ["add", "p1", Date.UTC(2019, 8, 30, 22, 0, 10, 500)],
          ["remove", "p1+p2", Date.UTC(2019, 9, 1, 0, 1)],
          ["purchase", "p2", Date.UTC(2019, 9, 1)]
        ]
      )
    })
  )

  it.effect("every bad row is a reject that names line, column, value and reason", () =>
    Effect.gen(function* () {
      const { rejects } = yield* collect(fixture("shop.csv"), { mapping })
      assert.deepStrictEqual(rejects.map(Reject.format), [
        'line 6, column event_time: "2019-02-31 00:00:00 UTC" is not an ISO 8601 time since 1970',
        'line 7, column event_time: "yesterday" is not an ISO 8601 time since 1970',
        'line 8, column event_type: "wish" is not view, cart, remove_from_cart, purchase',
        'line 9, column user_id: "" is empty',
        'line 10, column user_session: "2019-10-01 00:00:00 UTC,view,p1,u1" has 4 fields, the header has 5',
        'line 11, column event_time: "1969-12-31 23:59:59 UTC" is not an ISO 8601 time since 1970'
      ])
    })
  )

  it.effect("times may be seconds or milliseconds, and ids come from a column", () =>
    Effect.gen(function* () {
      const numbers = {
        key: "who",
        time: "at",
        kind: "what",
        id: "n",
        url: "page",
        kinds: { "1": "view" }
      } as const
      const bytes = utf8("n,who,at,what,page\na,w,1500000000,1,/x\n,w,1500000000,1,/x\nb,w,1.5,1,/x\n")
      for (const [timeUnit, factor] of [
        ["seconds", 1000],
        ["millis", 1]
      ] as const) {
        const { events, rejects } = yield* collect(bytes, { mapping: { ...numbers, timeUnit } })
        assert.deepStrictEqual(
          events.map(({ eventId, sessionIdHash, timeMillis, urlHash }) => [
            eventId,
            sessionIdHash,
            timeMillis,
            urlHash
          ]),
          [["a", "w", 1_500_000_000 * factor, "/x"]]
        )
        assert.deepStrictEqual(
          rejects.map(({ column }) => column),
          ["n", "at"]
        )
      }
    })
  )

  it.effect("a header without a column that the mapping names is an error that names it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(collect(utf8("event_time,user_id,user_session\n"), { mapping }))
      assert.match(
        error.message,
        /^line 1: column event_type is missing, column product_id is missing \(format csv; found event_time,user_id,user_session\)/
      )
      assert.match((yield* Effect.flip(collect(utf8(""), { mapping }))).message, /column user_id is missing/)
    })
  )
})
