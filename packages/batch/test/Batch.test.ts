import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Batch } from "../src/index.ts"
import { directory } from "./feed.ts"

const moment = new Date(1_700_000_000_123)

describe("Batch", () => {
  it.effect("gives plain rows: numbers while exact, bigints beyond, dates, bytes, lists and records", () =>
    Effect.gen(function* () {
      const batch = yield* Batch.open({ archives: {} })
      const rows = yield* batch.query(
        `SELECT 1::BIGINT AS small, 9007199254740993::BIGINT AS big, 0.5::DOUBLE AS half, 'é' AS text, true AS yes, NULL AS none,
           make_timestamp_ms(1700000000123) AS "time", '\\xFF'::BLOB AS bytes, [1, 2] AS list, {'a': 1::BIGINT} AS record`
      )
      assert.deepStrictEqual(
        rows.map((row): object => ({ ...row, bytes: [...(row["bytes"] as Uint8Array)] })),
        [
          {
            small: 1,
            big: 9007199254740993n,
            half: 0.5,
            text: "é",
            yes: true,
            none: null,
            time: moment,
            bytes: [255],
            list: [1, 2],
            record: { a: 1 }
          }
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("binds parameters: text that looks like SQL is text", () =>
    Effect.gen(function* () {
      const batch = yield* Batch.open({ archives: {} })
      yield* batch.query("CREATE TABLE held AS SELECT 1 AS n")
      const evil = "'; DROP TABLE held; --"
      assert.deepStrictEqual(
        yield* batch.query("SELECT $text AS text, $whole + 1 AS whole, $part AS part, $no IS NULL AS no", {
          text: evil,
          whole: 41,
          part: 0.25,
          no: null
        }),
        [{ text: evil, whole: 42, part: 0.25, no: true }]
      )
      assert.deepStrictEqual(yield* batch.query("SELECT n FROM held"), [{ n: 1 }])
    }).pipe(Effect.scoped)
  )

  it.effect("decodes rows by a schema, and says which do not fit", () =>
    Effect.gen(function* () {
      const batch = yield* Batch.open({ archives: {} })
      const Tag = Schema.Struct({ tag: Schema.NonEmptyString, uses: Schema.Int })
      const rows = yield* batch.queryAs(Tag, "SELECT 'a' AS tag, $uses AS uses", { uses: 3 })
      assert.strictEqual(rows[0]?.uses, 3)
      const error = yield* Effect.flip(batch.queryAs(Tag, "SELECT '' AS tag, 1 AS uses"))
      assert.strictEqual(error.reason._tag, "RowMismatch")
    }).pipe(Effect.scoped)
  )

  it.effect("reaches no file but those of the archives, and cannot be told otherwise", () =>
    Effect.gen(function* () {
      const inside = yield* directory
      const outside = yield* directory
      const secret = path.join(outside, "secret.csv")
      fs.writeFileSync(secret, "a,b\n1,2\n")
      const batch = yield* Batch.open({ archives: { empty: inside } })
      const forbidden = [
        `SELECT * FROM read_csv('${secret}')`,
        `SELECT * FROM read_csv('${inside}/../${path.basename(outside)}/secret.csv')`,
        `COPY (SELECT 1) TO '${path.join(outside, "out.csv")}'`,
        `ATTACH '${path.join(outside, "db.duckdb")}'`,
        "SET enable_external_access = true",
        "SET memory_limit = '64GB'",
        "INSTALL httpfs"
      ]
      for (const sql of forbidden) {
        const error = yield* Effect.flip(batch.query(sql))
        assert.strictEqual(error.reason._tag, "QueryFailed", sql)
      }
      assert.deepStrictEqual(fs.readdirSync(outside), ["secret.csv"])
      assert.deepStrictEqual(yield* batch.query("SELECT count(*) AS count FROM empty"), [{ count: 0 }])
    }).pipe(Effect.scoped)
  )

  it.effect("stays within its memory and threads, and says what to do when it cannot", () =>
    Effect.gen(function* () {
      const batch = yield* Batch.open({ archives: {}, memoryLimitMiB: 20, threads: 1 })
      const [settings] = yield* batch.query(
        "SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS threads"
      )
      assert.deepStrictEqual(settings, { memory: "20.0 MiB", threads: 1 })
      const error = yield* Effect.flip(batch.query("SELECT list(range) AS all FROM range(10000000)"))
      assert.include(error.message, "memoryLimitMiB")
      assert.include(error.message, "Out of Memory")
    }).pipe(Effect.scoped)
  )

  it.effect("ends a statement that is interrupted, whenever that is, and can be asked again", () =>
    Effect.gen(function* () {
      const batch = yield* Batch.open({ archives: {} })
      const endless = "SELECT sum(a.range * b.range) AS s FROM range(10000000) a, range(10000000) b"
      for (let turns = 0; turns < 40; turns++) {
        const asked = yield* Effect.forkChild(batch.query(endless), { startImmediately: true })
        // From the very beginning until it certainly runs.
        for (let turn = 0; turn < turns; turn++) {
          yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
        }
        yield* Fiber.interrupt(asked)
        assert.deepStrictEqual(yield* batch.query("SELECT 1 AS n"), [{ n: 1 }], `after ${turns} turns`)
      }
    }).pipe(Effect.scoped)
  )
})
