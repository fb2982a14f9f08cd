import { readFileSync } from "node:fs"
import { constants, gunzipSync, gzipSync } from "node:zlib"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import type { AppendRequest } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type * as Feeding from "../src/Feeding.ts"
import * as Feed from "../src/social/Feed.ts"
import * as SocialEvent from "../src/social/SocialEvent.ts"
import * as SocialSource from "../src/social/SocialSource.ts"

/**
 * The feed of seed 11, 2 000 lines of 3 days, with a byte order mark, CRLF at every third line end, none at the last, two empty lines before
 * line 101, and two lines that are none: one with bytes that are not UTF-8, one that is an event and then 70 000 spaces.
 */
const fixture = "test/fixtures/own-feed.ndjson.gz"
const ownLines = [...Feed.lines({ seed: 11, events: 2000, days: 3 })]

const utf8 = new TextEncoder()
const text = new TextDecoder()

const shown = ({ data, headers, subject }: AppendRequest) => ({
  subject,
  row: Number(headers?.["Row"]),
  line: text.decode(data)
})

const requestsOf = <E, R>(pieces: Stream.Stream<Feeding.Piece, E, R>) =>
  Effect.map(Stream.runCollect(pieces), (all) => all.flatMap(({ requests }) => requests.map(shown)))

const linesOf = (bytes: Uint8Array, fromRow = 1, size = 65_536) => {
  const cut = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.slice(i * size, (i + 1) * size)
  )
  return requestsOf(SocialSource.ofBytes(Stream.fromArray(cut), fromRow))
}

const isEvent = (line: string) => Result.isSuccess(SocialEvent.parse(line))

describe("a file of the feed", () => {
  it.effect("gives every line once under its number, whatever it holds", () =>
    Effect.gen(function* () {
      const source = yield* SocialSource.file(fixture)
      const pieces = yield* Stream.runCollect(source.read(1))
      const all = pieces.flatMap(({ requests }) => requests.map(shown))
      assert.strictEqual(all.length, 2002)
      const byRow = new Map(all.map((one) => [one.row, one.line]))
      // Line numbers: two empty lines before the 101st, a bad one before the 501st, a long one before the 901st.
      for (const [i, line] of ownLines.entries()) {
        const row = i + 1 + (i >= 100 ? 2 : 0) + (i >= 500 ? 1 : 0) + (i >= 900 ? 1 : 0)
        assert.strictEqual(byRow.get(row), line, `line ${row}`)
      }
      assert.isFalse(byRow.has(101) || byRow.has(102))
      const notText = pieces
        .flatMap(({ requests }) => requests)
        .find(({ headers }) => headers?.["Row"] === "503")
      assert.include([...(notText?.data ?? [])], 0xff)
      assert.strictEqual(notText?.subject, "p.0")
      const long = byRow.get(904) ?? ""
      assert.isFalse(isEvent(long))
      assert.match(long, /… \[cut: line 904 has 70\d\d\d bytes, at most 65536 are taken\]$/)
      assert.isAtMost(utf8.encode(long).length, 65_536 + 200)
      for (const { requests } of pieces) assert.isAtMost(requests.length, 512)
      assert.strictEqual(pieces.at(-1)?.lastRow, 2004)
      assert.strictEqual(pieces.at(-1)?.done, source.total)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect(
    "gives the same records as the feed that wrote it, however the bytes are cut, compressed or not",
    () =>
      Effect.gen(function* () {
        const expected = yield* requestsOf(SocialSource.feed({ seed: 11, events: 2000, days: 3 }).read(1))
        const plain = utf8.encode(ownLines.join("\n"))
        for (const [bytes, size] of [
          [plain, 7],
          [plain, 65_536],
          [utf8.encode(`${ownLines.join("\r\n")}\r\n`), 1000],
          [gzipSync(plain), 100],
          [Buffer.concat([gzipSync(plain.slice(0, 500)), gzipSync(plain.slice(500))]), 65_536]
        ] as const) {
          assert.deepStrictEqual(yield* linesOf(bytes, 1, size), expected)
        }
      })
  )

  it.effect("goes on at any row as if it had read on", () =>
    Effect.gen(function* () {
      const bytes = readFileSync(fixture)
      const whole = yield* linesOf(bytes)
      for (const fromRow of [1, 2, 101, 103, 503, 904, 905, 2004, 2005]) {
        assert.deepStrictEqual(
          yield* linesOf(bytes, fromRow),
          whole.filter(({ row }) => row >= fromRow)
        )
      }
    })
  )

  it.effect("that is empty, or has empty lines only, has no records but a last row", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* linesOf(new Uint8Array(0)), [])
      const pieces = yield* Stream.runCollect(SocialSource.ofBytes(Stream.make(utf8.encode("\n\r\n\n")), 1))
      assert.deepStrictEqual(
        pieces.map(({ lastRow, requests }) => [lastRow, requests.length]),
        [[3, 0]]
      )
    })
  )

  it.effect("that is cut short gives the lines before the damage, and says what to do", () =>
    Effect.gen(function* () {
      const plain = gunzipSync(readFileSync(fixture))
      const cut = gzipSync(plain).subarray(0, 20_000)
      const held: Array<string> = []
      const error = yield* SocialSource.ofBytes(Stream.make(new Uint8Array(cut)), 1).pipe(
        Stream.runForEach(({ requests }) =>
          Effect.sync(() => {
            for (const request of requests) held.push(shown(request).line)
          })
        ),
        Effect.flip
      )
      assert.strictEqual(error._tag, "InputDamaged")
      assert.match(error.message, /fetch the file again/)
      const readable = text.decode(gunzipSync(cut, { finishFlush: constants.Z_SYNC_FLUSH }))
      const complete = readable.split(/\r?\n/).slice(0, -1)
      assert.isAbove(complete.length % 512, 0)
      assert.strictEqual(held.length, complete.filter((line) => line !== "").length)
      assert.strictEqual(held.at(-1), complete.at(-1))
    })
  )

  it.effect("that is not there, or is no file, says so", () =>
    Effect.gen(function* () {
      for (const path of ["no-such-feed.ndjson", "test"]) {
        const error = yield* Effect.flip(SocialSource.file(path))
        assert.strictEqual(error._tag, "FeedUnreadable")
        assert.match(error.message, new RegExp(`^Cannot read ${path}: .*with --input\\.$`))
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("a seeded feed", () => {
  it.effect("gives the feed's lines, also from any row on, in pieces that brokers take", () =>
    Effect.gen(function* () {
      const source = SocialSource.feed({ seed: 11, events: 2000, days: 3 })
      for (const fromRow of [1, 2, 513, 2000, 2001]) {
        const all = yield* requestsOf(source.read(fromRow))
        assert.deepStrictEqual(
          all.map(({ line }) => line),
          ownLines.slice(fromRow - 1)
        )
        assert.deepStrictEqual(
          all.map(({ row }) => row),
          ownLines.slice(fromRow - 1).map((_, i) => fromRow + i)
        )
      }
    })
  )

  it.effect("without end makes no more than is asked for", () =>
    Effect.gen(function* () {
      const source = SocialSource.feed({ seed: 11 })
      assert.strictEqual(source.total, Number.POSITIVE_INFINITY)
      const [first] = yield* Stream.runCollect(Stream.take(source.read(1), 1))
      assert.strictEqual(first?.requests.length, 512)
    })
  )

  it.effect("until a row, and then from the next, is the whole of it", () =>
    Effect.gen(function* () {
      const source = SocialSource.feed({ seed: 11, events: 2000, days: 3 })
      const whole = yield* requestsOf(source.read(1))
      for (const row of [0, 1, 511, 512, 513, 1999, 2000, 3000]) {
        const history = SocialSource.until(source, row)
        assert.strictEqual(history.name, source.name)
        const begun = yield* Stream.runCollect(history.read(1))
        const rest = yield* requestsOf(source.read(row + 1))
        assert.deepStrictEqual([...begun.flatMap(({ requests }) => requests.map(shown)), ...rest], whole)
        if (row > 0) assert.strictEqual(begun.at(-1)?.lastRow, Math.min(row, 2000))
      }
    })
  )
})

describe("a paced source", () => {
  const source = SocialSource.feed({ seed: 11, events: 2000, days: 3 })

  const watched = (paced: SocialSource.Source) =>
    Effect.gen(function* () {
      const rows: Array<number> = []
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(paced.read(1), ({ lastRow, requests }) =>
          Effect.sync(() => {
            for (const request of requests) rows.push(shown(request).row)
            assert.strictEqual(lastRow, rows.at(-1))
          })
        ),
        { startImmediately: true }
      )
      return { fiber, rows }
    })

  it.effect("gives so many lines a second, and all of them", () =>
    Effect.gen(function* () {
      const { fiber, rows } = yield* watched(SocialSource.paced(source, { perSecond: 100 }))
      for (const seconds of [1, 2, 3, 10]) {
        yield* TestClock.setTime(seconds * 1000)
        assert.closeTo(rows.length, seconds * 100, 3)
      }
      yield* TestClock.setTime(20_000)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        rows,
        Array.from({ length: 2000 }, (_, i) => i + 1)
      )
    })
  )

  it.effect("keeps the pace when whoever takes the lines is slow, and does not make up for long breaks", () =>
    Effect.gen(function* () {
      const rows: Array<number> = []
      let breaks = 0
      const paced = SocialSource.paced(source, { perSecond: 100 })
      yield* Effect.forkChild(
        Stream.runForEach(paced.read(1), ({ lastRow }) => {
          rows.push(lastRow)
          return lastRow === 300 && breaks++ === 0 ? Effect.sleep("1 hour") : Effect.sleep("10 millis")
        }),
        { startImmediately: true }
      )
      for (let i = 0; i < 150; i++) yield* TestClock.adjust("20 millis")
      assert.closeTo(rows.at(-1) ?? 0, 300, 3)
      yield* TestClock.adjust("1 hour")
      const behind = rows.at(-1) ?? 0
      assert.isBelow(behind, 310)
      for (let i = 0; i < 100; i++) yield* TestClock.adjust("20 millis")
      // Two seconds, and the one second behind that is made up for.
      assert.closeTo((rows.at(-1) ?? 0) - behind, 300, 10)
    })
  )

  it.effect("at a speed follows the events' own times, and what is late or no event holds nothing up", () =>
    Effect.gen(function* () {
      const speed = 3600
      const { fiber, rows } = yield* watched(SocialSource.paced(source, { speed }))
      let first: number | undefined
      let newest = 0
      const due = ownLines.map((line) => {
        const event = SocialEvent.parse(line)
        if (Result.isSuccess(event)) {
          first ??= event.success.at
          newest = Math.max(newest, event.success.at)
        }
        return (newest - (first ?? newest)) / speed
      })
      for (const millis of [5_000, 20_000, 60_000]) {
        yield* TestClock.setTime(millis)
        const expected = due.filter((at) => at <= millis).length
        assert.closeTo(rows.length, expected, 3, `after ${millis} ms`)
        assert.isAbove(rows.length, 0)
      }
      yield* TestClock.setTime(72_000)
      yield* Fiber.join(fiber)
      assert.strictEqual(rows.length, 2000)
    })
  )
})
