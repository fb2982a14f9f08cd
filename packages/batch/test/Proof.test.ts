import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, type TopicRecord } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import { CanonicalJson, Codec, type Table, TableDigest, View, Views } from "@troupe/views"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Archive, Batch, Proof } from "../src/index.ts"
import { columns, directory, fill, like, likeOf } from "./feed.ts"

const partitions = 3
const hourMillis = 3_600_000

interface Trend {
  readonly partition: number
  readonly hour: number
  readonly tag: string
  readonly likes: number
  readonly weight: number
}

type State = { [key: string]: Trend }

/** Likes and their weight by hour and tag. */
const trends = View.define<State, Trend>({
  name: "trends",
  version: 1,
  initial: () => ({}),
  fold: (state, chunk: ReadonlyArray<TopicRecord>, partition) => {
    const outputs: Array<Trend> = []
    for (const record of chunk) {
      const { at, tag, weight } = likeOf(record)
      const hour = Math.floor(at / hourMillis)
      const key = `${hour}/${tag}`
      const held = state[key] ?? { partition, hour, tag, likes: 0, weight: 0 }
      const next = { ...held, likes: held.likes + 1, weight: held.weight + weight }
      state[key] = next
      outputs.push(next)
    }
    return { state, outputs }
  },
  state: Codec.plainJson(),
  output: Codec.plainJson()
})

const table: Table.TableSpec<Trend> = {
  key: ({ hour, tag }) => `${hour}/${tag}`,
  revision: ({ likes }) => likes,
  row: ({ hour, likes, partition, tag, weight }) => ({
    hour,
    likes,
    mean: weight / likes,
    partition,
    tag,
    weight
  })
}

const bucketOf = (_: string, row: Table.Row): Proof.BucketId => ({
  partition: Number(row["partition"]),
  hour: Number(row["hour"])
})

/** The same rows, written once more and in SQL. */
const sql: Proof.SqlTable = {
  sql: `SELECT "partition", "at" // ${hourMillis} AS hour, ("at" // ${hourMillis}) || '/' || tag AS key,
          tag, count(*) AS likes, sum(weight) AS weight, sum(weight) / count(*) AS mean
        FROM likes WHERE "at" IS NOT NULL GROUP BY ALL`,
  fields: {
    hour: "integer",
    likes: "integer",
    mean: "number",
    partition: "integer",
    tag: "text",
    weight: "integer"
  }
}

const events = 3000

/** The rows that the running view left in its output topic, and the archive of its input. */
const both = Effect.gen(function* () {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: "likes" })
  yield* fill(topic, partitions, 0, events)
  yield* (yield* Views.run(trends, { input: topic, partitions })).caughtUp()
  const where = yield* directory
  const archive = yield* Archive.open({ topic, directory: where, columns })
  yield* archive.run()
  const batch = yield* Batch.open({ archives: { likes: where } })
  return { batch, rows: yield* Views.rows(trends, table) }
})

describe("Proof", () => {
  it.effect("is 0: DuckDB over the archive and the view agree, bucket by bucket", () =>
    Effect.gen(function* () {
      const { batch, rows } = yield* both
      const recomputed = yield* Proof.ofSql(batch, sql)
      const proved = yield* Proof.prove(recomputed, Proof.ofRows(rows, bucketOf))
      assert.deepStrictEqual(proved.differences, [])
      assert.isTrue(proved.proved)
      assert.strictEqual(proved.rows, rows.size)
      assert.isAbove(proved.rows, 500)
      assert.isAbove(proved.buckets, 100)
      // The digests themselves are those of the views package, computed by SQL.
      const whole = yield* batch.query(`SELECT count(*) AS count FROM (${sql.sql})`)
      assert.strictEqual(whole[0]?.["count"], rows.size)
      const sums = (yield* recomputed.buckets).reduce((sum, part) => sum + BigInt(`0x${part.sum}`), 0n)
      assert.strictEqual(
        BigInt.asUintN(64, sums).toString(16).padStart(16, "0"),
        TableDigest.orderFree(rows).sum
      )
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(layerMemory, ActorSystem.layer)))
  )

  it.effect("finds every planted difference, and nothing else", () =>
    Effect.gen(function* () {
      const { batch, rows } = yield* both
      const recomputed = yield* Proof.ofSql(batch, sql)
      const keys = [...rows.keys()]
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 20, long: 500 }); seed++) {
        const planted = new Map(rows)
        const changed = keys[(seed * 7919) % keys.length] ?? ""
        const removed = keys[(seed * 104_729 + 1) % keys.length] ?? ""
        if (changed === removed) continue
        const row = rows.get(changed) ?? {}
        planted.set(changed, { ...row, weight: Number(row["weight"]) + 1 })
        planted.delete(removed)
        planted.set(`added-${seed}`, { ...row, likes: 1 })
        const proved = yield* Proof.prove(recomputed, Proof.ofRows(planted, bucketOf))
        const kinds = proved.differences.map(
          ({ batch: b, key, view: v }) =>
            `${key}: ${b === undefined ? "added" : v === undefined ? "removed" : "changed"}`
        )
        assert.deepStrictEqual(
          kinds.sort(),
          [`${changed}: changed`, `${removed}: removed`, `added-${seed}: added`].sort(),
          `seed ${seed}`
        )
        assert.isFalse(proved.proved)
      }
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(layerMemory, ActorSystem.layer)))
  )

  it.effect("bisects a big bucket to its one different key", () =>
    Effect.gen(function* () {
      const where = yield* directory
      const broker = yield* Broker
      const topic = yield* broker.topic({ name: "likes" })
      yield* fill(topic, partitions, 0, events)
      yield* (yield* Archive.open({ topic, directory: where, columns })).run()
      const batch = yield* Batch.open({ archives: { likes: where } })
      const one = yield* Proof.ofSql(batch, {
        sql: "SELECT 0 AS partition, 0 AS hour, id AS key, weight FROM likes",
        fields: { weight: "integer" }
      })
      const rows = new Map(
        Array.from({ length: events }, (_, index) => [like(index).id, { weight: like(index).weight }])
      )
      rows.set("id-1234", { weight: 99 })
      let compared = 0
      const side = Proof.ofRows(rows, () => ({ partition: 0, hour: 0 }))
      const proved = yield* Proof.prove(one, {
        ...side,
        rows: (part) => Effect.tap(side.rows(part), (texts) => Effect.sync(() => (compared += texts.length)))
      })
      assert.deepStrictEqual(proved.differences, [
        {
          partition: 0,
          hour: 0,
          key: "id-1234",
          batch: `"id-1234":{"weight":${like(1234).weight}}`,
          view: `"id-1234":{"weight":99}`
        }
      ])
      assert.isAtMost(compared, 16)
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("writes texts and numbers as CanonicalJson does, or refuses", () =>
    Effect.gen(function* () {
      const batch = yield* Batch.open({ archives: {} })
      const texts = Array.from({ length: 300 }, (_, code) => `a${String.fromCodePoint(code)}"\\z`).concat(
        "",
        "\u2028",
        "😀",
        "\\u000b\u000b"
      )
      for (const text of texts) {
        const [row] = yield* batch.query("SELECT canonical_text($text) AS text", { text })
        assert.strictEqual(row?.["text"], CanonicalJson.stringify(text))
      }
      const numbers = [
        0,
        -0,
        1,
        -1,
        0.1,
        1 / 3,
        -2 / 3,
        1e14 + 0.5,
        0.0001,
        123456.789,
        9007199254740991,
        5e-1
      ]
      for (let index = 1; index < count({ quick: 300, long: 20_000 }); index++) {
        numbers.push(Math.sin(index * firstSeed()) * 10 ** ((index % 17) - 3))
      }
      for (const number of numbers.filter((n) => n === Math.trunc(n) || Math.abs(n) >= 0.0001)) {
        const [row] = yield* batch.query("SELECT canonical_number($number::DOUBLE) AS text", { number })
        assert.strictEqual(row?.["text"], CanonicalJson.stringify(number))
      }
      for (const number of [1e-5, 1e21, 1.5e300]) {
        const error = yield* Effect.flip(
          batch.query("SELECT canonical_number($number::DOUBLE) AS text", { number })
        )
        assert.include(error.message, "no common text")
      }
    }).pipe(Effect.scoped)
  )
})
