import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { type AppendRequest, Broker, layerMemory } from "@troupe/broker"
import { count } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { Archive, Batch, type BatchError, Columns, Disk, Manifest, manifestOf } from "../src/index.ts"
import { columns, deadlyDisk, directory, fill, like, request } from "./feed.ts"

const partitions = 3
const timeoutMillis = count({ quick: 60_000, long: 600_000 })

const topicOf = Effect.gen(function* () {
  const broker = yield* Broker
  return yield* broker.topic({ name: "likes" })
})

const reasonOf = (error: BatchError | object): string =>
  "reason" in error ? (error as BatchError).reason._tag : String(error)

/** Every archived row, as SQL sees it. */
const rowsOf = (archive: string) =>
  Effect.scoped(
    Effect.flatMap(Batch.open({ archives: { likes: archive } }), (batch) =>
      batch.query("SELECT * FROM likes ORDER BY sequence")
    )
  )

/** Opens, archives and verifies, as one process would. */
const archiveAll = (options: Archive.Options) =>
  Effect.scoped(
    Effect.gen(function* () {
      const archive = yield* Archive.open(options)
      const ran = yield* archive.run()
      return { ran, verifiedThrough: yield* archive.verify, manifest: yield* archive.manifest }
    })
  )

describe("Archive", () => {
  it.effect("holds every record of the topic, raw and in typed columns", () =>
    Effect.gen(function* () {
      const topic = yield* topicOf
      yield* fill(topic, partitions, 0, 1000)
      yield* topic.append({ subject: "control", data: new Uint8Array([0, 255]) })
      const where = yield* directory
      const { manifest, ran, verifiedThrough } = yield* archiveAll({
        topic,
        directory: where,
        columns,
        segmentRecords: 300
      })
      assert.deepStrictEqual(
        { archived: ran.archived, through: ran.through, verifiedThrough, rows: Manifest.rows(manifest) },
        { archived: 1001, through: 1001, verifiedThrough: 1001, rows: 1001 }
      )
      const rows = yield* rowsOf(where)
      assert.strictEqual(rows.length, 1001)
      rows.slice(0, 1000).forEach((row, index) => {
        const { at, id, tag, weight } = like(index)
        assert.strictEqual(row["sequence"], index + 1)
        assert.deepStrictEqual(
          {
            at: row["at"],
            id: row["id"],
            tag: row["tag"],
            weight: row["weight"],
            message: row["message_id"]
          },
          { at, id, tag, weight, message: id }
        )
        assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(row["data"] as Uint8Array)), like(index))
        assert.deepStrictEqual(row["headers"], [
          { key: "app", value: "feed" },
          { key: "zone", value: "UTC" }
        ])
      })
      const { data, id, message_id, partition, subject } = rows[1000] ?? {}
      assert.deepStrictEqual([...(data as Uint8Array)], [0, 255])
      assert.deepStrictEqual(
        { id, message_id, partition, subject },
        { id: null, message_id: null, partition: -1, subject: "control" }
      )
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("goes on behind its last record, and does nothing when there is nothing new", () =>
    Effect.gen(function* () {
      const topic = yield* topicOf
      const where = yield* directory
      const archive = yield* Archive.open({ topic, directory: where, columns })
      assert.deepStrictEqual(yield* archive.run(), { archived: 0, files: 0, through: 0 })
      yield* fill(topic, partitions, 0, 100)
      assert.strictEqual((yield* archive.run()).archived, 100)
      assert.strictEqual((yield* archive.run()).archived, 0)
      yield* fill(topic, partitions, 100, 250)
      assert.deepInclude(yield* archive.run(), { archived: 150, through: 250 })
      const { segments } = yield* archive.manifest
      assert.deepStrictEqual(
        segments.map(({ from, rows, through }) => [from, through, rows]),
        [
          [1, 100, 100],
          [101, 250, 150]
        ]
      )
      assert.deepStrictEqual(
        (yield* rowsOf(where)).map((row) => row["sequence"]),
        Array.from({ length: 250 }, (_, i) => i + 1)
      )
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect(
    "is whole whichever write it was killed at: no gap, no duplicate",
    () =>
      Effect.gen(function* () {
        const topic = yield* topicOf
        yield* fill(topic, 2, 0, 240)
        const attempt = (where: string, disk: Disk) =>
          Effect.gen(function* () {
            yield* archiveAll({ topic, directory: where, columns, segmentRecords: 150 })
          }).pipe(Effect.provideService(Disk, disk))
        const counting = deadlyDisk(Number.POSITIVE_INFINITY, "after")
        const undisturbed = yield* directory
        yield* attempt(undisturbed, counting.disk)
        const expected = yield* rowsOf(undisturbed)
        const writes = counting.changes()
        assert.isAbove(writes, 25)
        for (let at = 1; at <= writes; at++) {
          // Before a write is after the one before it.
          for (const when of ["during", "after"] as const) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const where = path.join(yield* directory, "archive")
                const deadly = deadlyDisk(at, when)
                if (when === "during" && !counting.isWrite(at)) return
                yield* Effect.raceFirst(attempt(where, deadly.disk), deadly.killed)
                const verified = Manifest.verifiedThrough(yield* manifestOf(where))
                const left = (yield* rowsOf(where)).map((row) => row["sequence"])
                assert.deepStrictEqual(
                  left,
                  Array.from({ length: left.length }, (_, i) => i + 1),
                  `killed ${when} write ${at}`
                )
                assert.isAtMost(verified, left.length)
                // The next process goes on where this one was killed.
                const again = yield* archiveAll({ topic, directory: where, columns, segmentRecords: 150 })
                assert.deepStrictEqual(yield* rowsOf(where), expected, `killed ${when} write ${at}`)
                assert.strictEqual(again.verifiedThrough, 240)
                const named = again.manifest.segments.flatMap((segment) =>
                  segment.files.map((file) => file.name)
                )
                const there = fs.readdirSync(where).filter((name) => !name.startsWith("manifest"))
                assert.deepStrictEqual(
                  there.sort(),
                  named.sort(),
                  `left over after a kill ${when} write ${at}`
                )
              })
            )
          }
        }
      }).pipe(Effect.scoped, Effect.provide(layerMemory)),
    timeoutMillis
  )

  it.effect("fences the process that had it open before", () =>
    Effect.gen(function* () {
      const topic = yield* topicOf
      const where = yield* directory
      const zombie = yield* Archive.open({ topic, directory: where, columns })
      yield* fill(topic, partitions, 0, 50)
      const owner = yield* Archive.open({ topic, directory: where, columns })
      const error = yield* Effect.flip(zombie.run())
      assert.strictEqual(reasonOf(error), "Fenced")
      yield* owner.run()
      assert.strictEqual((yield* rowsOf(where)).length, 50)
      assert.strictEqual(yield* owner.verify, 50)
      assert.strictEqual(reasonOf(yield* Effect.flip(zombie.run())), "Fenced")
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("deletes from the topic only what it has read back", () =>
    Effect.gen(function* () {
      const topic = yield* topicOf
      const where = yield* directory
      yield* fill(topic, partitions, 0, 80)
      const archive = yield* Archive.open({ topic, directory: where, columns })
      yield* archive.run()
      const early = yield* Effect.flip(archive.trim({ below: 2 }))
      assert.strictEqual(reasonOf(early), "NotVerified")
      assert.strictEqual((yield* topic.info).records, 80)
      assert.strictEqual(yield* archive.verify, 80)
      assert.strictEqual(yield* archive.trim({ below: 61 }), 60)
      assert.strictEqual((yield* topic.info).firstSequence, 61)
      yield* fill(topic, partitions, 80, 90)
      assert.deepInclude(yield* archive.run(), { archived: 10, through: 90 })
      assert.strictEqual((yield* rowsOf(where)).length, 90)
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("finds a file that does not hold what was written", () =>
    Effect.gen(function* () {
      const topic = yield* topicOf
      const where = yield* directory
      yield* fill(topic, partitions, 0, 80)
      const archive = yield* Archive.open({ topic, directory: where, columns })
      yield* archive.run()
      const [a, b] = (yield* archive.manifest).segments.flatMap((segment) => segment.files)
      assert.isDefined(a)
      assert.isDefined(b)
      // A whole, readable Parquet file: of another partition.
      fs.copyFileSync(path.join(where, a?.name ?? ""), path.join(where, b?.name ?? ""))
      const error = yield* Effect.flip(archive.verify)
      assert.strictEqual(reasonOf(error), "Damaged")
      assert.include(error.message, b?.name ?? "-")
      assert.strictEqual(Manifest.verifiedThrough(yield* archive.manifest), 0)
      fs.truncateSync(path.join(where, b?.name ?? ""), 100)
      assert.strictEqual(reasonOf(yield* Effect.flip(archive.verify)), "Damaged")
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("finds a single changed field of a single record", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const honest = request(like(7), 1)
      const changed: ReadonlyArray<Partial<AppendRequest>> = [
        { subject: "p.0.x" },
        { messageId: "another" },
        { headers: { ...honest.headers, zone: "UTD" } },
        { data: new TextEncoder().encode(JSON.stringify({ ...like(7), weight: 18 })) }
      ]
      const archived = (name: string, change: Partial<AppendRequest>) =>
        Effect.gen(function* () {
          const topic = yield* broker.topic({ name })
          yield* fill(topic, 1, 0, 7)
          yield* topic.append({ ...honest, ...change })
          yield* fill(topic, 1, 8, 20)
          const archive = yield* Archive.open({ topic, directory: yield* directory, columns })
          yield* archive.run()
          const file = (yield* archive.manifest).segments[0]?.files[0]?.name ?? ""
          return { archive, file: path.join(archive.directory, file) }
        })
      for (const [index, change] of changed.entries()) {
        const [ours, theirs] = [
          yield* archived(`ours-${index}`, {}),
          yield* archived(`theirs-${index}`, change)
        ]
        fs.copyFileSync(theirs.file, ours.file)
        const error = yield* Effect.flip(ours.archive.verify)
        assert.include(error.message, "has sum", Object.keys(change)[0])
      }
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("says when records are gone that it never had, and records the gap when that is accepted", () =>
    Effect.gen(function* () {
      const topic = yield* topicOf
      const where = yield* directory
      yield* fill(topic, partitions, 0, 20)
      yield* archiveAll({ topic, directory: where, columns })
      yield* fill(topic, partitions, 20, 60)
      yield* topic.purge({ below: 31 })
      const error = yield* Effect.flip(archiveAll({ topic, directory: where, columns }))
      assert.strictEqual(reasonOf(error), "Missing")
      const { manifest } = yield* archiveAll({ topic, directory: where, columns, allowGaps: true })
      assert.deepStrictEqual(manifest.gaps, [{ from: 21, through: 30 }])
      assert.strictEqual((yield* rowsOf(where)).length, 50)
      yield* fill(topic, partitions, 60, 70)
      yield* topic.purge({ below: 71 })
      assert.strictEqual(
        reasonOf(yield* Effect.flip(archiveAll({ topic, directory: where, columns }))),
        "Missing"
      )
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("refuses another topic and changed columns, and takes added ones", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const topic = yield* topicOf
      const where = yield* directory
      yield* fill(topic, partitions, 0, 5)
      yield* archiveAll({
        topic,
        directory: where,
        columns: Columns.define({ tag: "text" }, () => ({ tag: "old" }))
      })
      const other = yield* broker.topic({ name: "other" })
      assert.strictEqual(
        reasonOf(yield* Effect.flip(archiveAll({ topic: other, directory: where }))),
        "Foreign"
      )
      const changed = Columns.define({ tag: "integer" }, () => ({ tag: 1 }))
      assert.strictEqual(
        reasonOf(yield* Effect.flip(archiveAll({ topic, directory: where, columns: changed }))),
        "Foreign"
      )
      yield* fill(topic, partitions, 5, 8)
      const added = Columns.define({ more: "number" }, () => ({ more: 0.5 }))
      yield* archiveAll({ topic, directory: where, columns: added })
      assert.deepStrictEqual(
        (yield* rowsOf(where)).map((row) => [row["tag"], row["more"]]),
        [...Array.from({ length: 5 }, () => ["old", null]), ...Array.from({ length: 3 }, () => [null, 0.5])]
      )
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("names the record whose columns cannot be extracted, and archives nothing of its segment", () =>
    Effect.gen(function* () {
      const topic = yield* topicOf
      const where = yield* directory
      yield* fill(topic, partitions, 0, 5)
      const broken = Columns.define({ n: "integer" }, (record) => ({ n: record.sequence === 4 ? 0.5 : 1 }))
      const error = yield* Effect.flip(archiveAll({ topic, directory: where, columns: broken }))
      assert.strictEqual(reasonOf(error), "ExtractFailed")
      assert.include(error.message, "record 4")
      assert.strictEqual(Manifest.rows(yield* manifestOf(where)), 0)
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )
})
