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

describe("a Google day", () => {
  it.effect("is told by its header; the key is the visitor, the id session and hit", () =>
    Effect.gen(function* () {
      const { chunks, events } = yield* collect(fixture("google-day.csv"))
      assert.strictEqual(chunks[0]?.format, "google-day")
      assert.strictEqual(events.length, 10)
      assert.deepStrictEqual(events[1], {
        eventId: "s-a1:2",
        key: "v-ann",
        sessionIdHash: "s-a1",
        row: 2,
        symbol: 6,
        action: "click",
        skus: ["sku2"],
        timeMillis: 1_700_000_004_200,
        urlHash: "url-home",
        hitNumber: 2,
        visitNumber: 1,
        isCheckoutStep: false,
        device: "desktop",
        channel: "Direct"
      })
      assert.deepStrictEqual(
        events.map(({ symbol }) => symbol),
        [1, 6, 2, 1, 1, 3, 1, 5, 4, 6]
      )
      assert.deepStrictEqual(events[0]?.skus, ["sku1", "sku2", "sku3"])
      assert.strictEqual(events[3]?.channel, "Search, paid")
      assert.isTrue(events[6]?.isCheckoutStep)
      // Empty optional columns are absent, quotes and a line break inside a field are read.
      assert.strictEqual(events[8]?.urlHash, 'url-"q"\nuoted')
      assert.isFalse("device" in (events[8] ?? {}))
    })
  )

  it.effect("two rows of equal content are two events with ids of their own", () =>
    Effect.gen(function* () {
      const { events } = yield* collect(fixture("google-day.csv"))
      const [first, second] = events.filter((event) => event.key === "v-bob")
      assert.strictEqual(first?.timeMillis, second?.timeMillis)
      assert.deepStrictEqual([first?.eventId, second?.eventId], ["s-b1:1", "s-b1:2"])
    })
  )

  it.effect("every bad row is a reject that names line, column, value and reason", () =>
    Effect.gen(function* () {
      const { rejects } = yield* collect(fixture("google-day.csv"))
      assert.deepStrictEqual(rejects.map(Reject.format), [
        'line 8, column product_action: "buy" is not detail, add, remove, purchase, click or empty',
        'line 11, column visitor_id: "" is empty',
        'line 12, column server_timestamp_epoch_ms: "yesterday" is not a time in whole milliseconds since 1970',
        'line 13, column hit_number: "one" is not a whole number',
        'line 14, column hashed_url: "v-cat,s-c2,pageview,,,1700000098000" has 6 fields, the header has 12',
        'line 17, column event_type: "tap" is not pageview or event',
        'line 18, column is_checkout_step: "maybe" is not 0 or 1'
      ])
      assert.deepStrictEqual(
        rejects.map(({ row }) => row),
        [7, 10, 11, 12, 13, 15, 16]
      )
    })
  )
})

describe("the Coveo release", () => {
  it.effect("is keyed by its session, with a row number in the id; byte order mark and CRLF are read", () =>
    Effect.gen(function* () {
      const { chunks, events, rejects } = yield* collect(fixture("coveo.csv"))
      assert.strictEqual(chunks[0]?.format, "coveo")
      assert.deepStrictEqual(
        events.map(({ eventId }) => eventId),
        ["s-1:1", "s-1:2", "s-1:3", "s-2:4", "s-1:6", "s-2:7", "s-3:9"]
      )
      assert.deepStrictEqual(events[3], {
        eventId: "s-2:4",
        key: "s-2",
        sessionIdHash: "s-2",
        row: 4,
        symbol: 3,
        action: "add",
        skus: ["sku1", "sku4"],
        timeMillis: 1_550_000_010_000,
        urlHash: "url-2"
      })
      assert.deepStrictEqual(events[5]?.skus, ["sku1", "sku4"])
      assert.deepStrictEqual(rejects.map(Reject.format), [
        'line 6, column server_timestamp_epoch_ms: "-5" is not a time in whole milliseconds since 1970',
        'line 9, column session_id_hash: "" is empty'
      ])
    })
  )

  it.effect("columns may come in any order and with others between them", () =>
    Effect.gen(function* () {
      const { events } = yield* collect(
        utf8(
          "hashed_url,extra,server_timestamp_epoch_ms,product_skus_hash,product_action,event_type,session_id_hash\nu,x,5,,detail,pageview,s\n"
        )
      )
      assert.deepStrictEqual(
        events.map(({ eventId, symbol, timeMillis, urlHash }) => [eventId, symbol, timeMillis, urlHash]),
        [["s:1", 2, 5, "u"]]
      )
    })
  )
})

describe("reading", () => {
  it.effect("events and rejects are the same however the bytes are cut, compressed or not", () =>
    Effect.gen(function* () {
      for (const name of ["google-day.csv", "coveo.csv"]) {
        const whole = yield* collect(fixture(name), { piece: 1_000_000 })
        for (const piece of [1, 2, 3, 7, 50]) {
          for (const bytes of [fixture(name), gzipSync(fixture(name))]) {
            const cut = yield* collect(bytes, { piece })
            assert.deepStrictEqual(cut.events, whole.events)
            assert.deepStrictEqual(cut.rejects, whole.rejects)
          }
        }
      }
      const zipped = yield* collect(fixture("google-day.csv.gz"))
      assert.deepStrictEqual(zipped.events, (yield* collect(fixture("google-day.csv"))).events)
    })
  )

  it.effect("several gzip members are one text", () =>
    Effect.gen(function* () {
      const bytes = fixture("coveo.csv")
      const members = new Uint8Array([...gzipSync(bytes.slice(0, 200)), ...gzipSync(bytes.slice(200))])
      assert.deepStrictEqual((yield* collect(members)).events, (yield* collect(bytes)).events)
    })
  )

  it.effect("every row comes out once: events and rejects together count the rows", () =>
    Effect.gen(function* () {
      const { chunks, events, rejects } = yield* collect(fixture("google-day.csv"), {
        rowsPerChunk: 4,
        piece: 5000
      })
      const rows = [...events, ...rejects].map(({ row }) => row).sort((a, b) => a - b)
      assert.deepStrictEqual(
        rows,
        Array.from({ length: 17 }, (_, i) => i + 1)
      )
      assert.deepStrictEqual(
        chunks.map(({ lastRow }) => lastRow),
        [4, 8, 12, 16, 17]
      )
      assert.strictEqual(chunks[4]?.bytesRead, fixture("google-day.csv").length)
    })
  )

  it.effect("goes on at any row as if it had read on", () =>
    Effect.gen(function* () {
      const whole = yield* collect(fixture("google-day.csv"))
      for (let fromRow = 1; fromRow <= 19; fromRow++) {
        const rest = yield* collect(fixture("google-day.csv"), { fromRow })
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

  it.effect("events decode by their schema, through JSON", () =>
    Effect.gen(function* () {
      const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(ClickEvent))
      for (const name of ["google-day.csv", "coveo.csv"]) {
        for (const event of (yield* collect(fixture(name))).events) {
          assert.deepStrictEqual(yield* decode(JSON.stringify(event)), event)
        }
      }
      const { events } = yield* collect(fixture("coveo.csv"))
      const lie = yield* Effect.flip(decode(JSON.stringify({ ...events[0], symbol: 5 })))
      assert.include(String(lie), "symbol 5 is not the symbol of action view")
    })
  )

  it.effect("bytes that are not UTF-8 reject their row and no other", () =>
    Effect.gen(function* () {
      const header =
        "session_id_hash,event_type,product_action,product_skus_hash,server_timestamp_epoch_ms,hashed_url\n"
      const bytes = utf8(`${header}s,pageview,,,1,ü\ns,pageview,,,2,?\ns,pageview,,,3,u\n`)
      bytes[bytes.indexOf(63)] = 0xff
      for (const piece of [1, 4, 1000]) {
        const { events, rejects } = yield* collect(bytes, { piece })
        assert.deepStrictEqual(
          events.map(({ row, urlHash }) => [row, urlHash]),
          [
            [1, "ü"],
            [3, "u"]
          ]
        )
        assert.deepStrictEqual(
          rejects.map(({ column, line, reason }) => [line, column, reason]),
          [[3, "(row)", "holds bytes that are not UTF-8"]]
        )
      }
    })
  )
})

describe("what cannot be read", () => {
  const failure = (bytes: Uint8Array, options?: ClickReader.ReadOptions) =>
    Effect.flip(Stream.runCollect(ClickReader.read(inPieces(bytes, 50), options)))

  it.effect("a header without a required column names the line and the column", () =>
    Effect.gen(function* () {
      const error = yield* failure(
        utf8("\n\nsession_id_hash,event_type,product_action,hashed_url\ns,pageview,,u\n")
      )
      assert.strictEqual(error._tag, "HeaderInvalid")
      assert.match(
        error.message,
        /^line 3: column product_skus_hash is missing, column server_timestamp_epoch_ms is missing \(format coveo/
      )
      const google = yield* failure(utf8("visitor_id,session_id_hash\n"))
      assert.match(google.message, /column hit_number is missing \(format google-day/)
      const twice = yield* failure(
        utf8(
          "session_id_hash,event_type,product_action,product_skus_hash,server_timestamp_epoch_ms,hashed_url,hashed_url\n"
        )
      )
      assert.match(twice.message, /line 1: column hashed_url is there twice/)
    })
  )

  it.effect("an empty file, and a file of another format than asked for", () =>
    Effect.gen(function* () {
      assert.match(
        (yield* failure(utf8(""))).message,
        /line 1: column session_id_hash is missing.*found nothing/
      )
      assert.match(
        (yield* failure(fixture("coveo.csv"), { format: "google-day" })).message,
        /line 1: column visitor_id is missing, column hit_number is missing/
      )
    })
  )

  it.effect("a header alone is a file without rows", () =>
    Effect.gen(function* () {
      const header = utf8(new TextDecoder().decode(fixture("coveo.csv")).split("\r\n")[0] ?? "")
      assert.deepStrictEqual(yield* collect(header), { chunks: [], events: [], rejects: [] })
    })
  )

  it.effect(
    "gzip that is cut short, damaged or followed by other bytes is an error after the rows before it",
    () =>
      Effect.gen(function* () {
        const rows = Array.from(
          { length: 20_000 },
          (_, i) => `s${(i * 7919) % 10_007},pageview,,,${1e12 + i * i},u${i % 89}`
        )
        const header =
          "session_id_hash,event_type,product_action,product_skus_hash,server_timestamp_epoch_ms,hashed_url"
        const whole = gzipSync([header, ...rows].join("\n"))
        const broken = (change: (bytes: Uint8Array) => Uint8Array) =>
          Effect.gen(function* () {
            let seen = 0
            const error = yield* ClickReader.read(inPieces(change(new Uint8Array(whole)), 4096)).pipe(
              Stream.runForEach((chunk) =>
                Effect.sync(() => {
                  seen += chunk.events.length
                })
              ),
              Effect.flip
            )
            assert.strictEqual(error._tag, "InputDamaged")
            assert.match(error.message, /gzip input is damaged or cut short .* fetch the file again/)
            return seen
          })
        const cut = yield* broken((bytes) => bytes.slice(0, Math.floor(bytes.length / 2)))
        assert.isAbove(cut, 1000)
        assert.isBelow(cut, 20_000)
        yield* broken((bytes) => bytes.slice(0, 5))
        yield* broken((bytes) => bytes.slice(0, bytes.length - 1))
        yield* broken((bytes) => {
          bytes.fill(0xaa, bytes.length >> 1, (bytes.length >> 1) + 200)
          return bytes
        })
        yield* broken((bytes) => new Uint8Array([...bytes, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
      })
  )

  it.effect("a failure of the byte stream comes out as it is, compressed or not", () =>
    Effect.gen(function* () {
      for (const bytes of [fixture("coveo.csv"), fixture("google-day.csv.gz")]) {
        const failing = Stream.concat(inPieces(bytes.slice(0, 100), 40), Stream.fail("disk gone" as const))
        const error = yield* Effect.flip(Stream.runCollect(ClickReader.read(failing)))
        assert.strictEqual(error, "disk gone")
      }
    })
  )

  it.effect("stopping early closes the byte stream, compressed or not", () =>
    Effect.gen(function* () {
      const header =
        "session_id_hash,event_type,product_action,product_skus_hash,server_timestamp_epoch_ms,hashed_url"
      const rows = Array.from(
        { length: 50_000 },
        (_, i) => `s${(i * 7919) % 10_007},pageview,,,${1e12 + i * i},u`
      )
      const text = utf8([header, ...rows].join("\n"))
      for (const bytes of [text, new Uint8Array(gzipSync(text))]) {
        let closed = false
        let pieces = 0
        const source = inPieces(bytes, 4096).pipe(
          Stream.tap(() => Effect.sync(() => pieces++)),
          Stream.ensuring(
            Effect.sync(() => {
              closed = true
            })
          )
        )
        yield* Stream.runDrain(Stream.take(ClickReader.read(source), 1))
        assert.isTrue(closed)
        assert.isBelow(pieces, bytes.length / 4096)
      }
    })
  )
})
