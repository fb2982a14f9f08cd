import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker, type BrokerError } from "@troupe/broker"
import { type DirectoryHeld, Embedded } from "@troupe/broker-embedded"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { randomFrom } from "./Seeded.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const openTopic = (directory: string) =>
  Effect.provide(
    Effect.flatMap(Broker, (broker) => broker.topic({ name: "t" })),
    Embedded.layer({ directory, durability: "disk" }),
    { local: true }
  )

const storageFailed = Effect.fnUntraced(function* <A>(effect: Effect.Effect<A, BrokerError | DirectoryHeld>) {
  const error = yield* Effect.flip(effect)
  if (error._tag !== "BrokerError") return assert.fail(error.message)
  assert.strictEqual(error.reason._tag, "StorageFailed")
  return error.message
})

const recordsFile = (directory: string) => {
  const home = path.join(directory, "topics", "t", "records")
  const name = fs.readdirSync(home).find((one) => one.endsWith(".log"))
  return path.join(home, name ?? assert.fail("no log"))
}

const fill = (directory: string) =>
  Effect.gen(function* () {
    const topic = yield* (yield* Broker).topic({ name: "t" })
    for (let i = 0; i < 20; i++) yield* topic.append({ subject: "a", data: new Uint8Array(100).fill(i) })
  }).pipe(Effect.provide(Embedded.layer({ directory, durability: "disk" }), { local: true }))

describe("files that are not as they were left", () => {
  it.live("a damaged record is reported when the topic is opened or read, never handed out", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* fill(directory)
      const file = recordsFile(directory)
      const bytes = fs.readFileSync(file)
      // In the middle of some record's data: 100 equal bytes.
      const at = bytes.indexOf(Buffer.alloc(100, 7)) + 50
      assert.isAbove(at, 50)
      bytes[at] = 8
      fs.writeFileSync(file, bytes)
      assert.match(yield* storageFailed(openTopic(directory)), /damaged/)
    })
  )

  it.live("a torn end is cut, and appends go on after it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* fill(directory)
      fs.appendFileSync(recordsFile(directory), Buffer.alloc(77, 0xee))
      yield* Effect.gen(function* () {
        const topic = yield* (yield* Broker).topic({ name: "t" })
        assert.strictEqual((yield* topic.append({ subject: "a", data: new Uint8Array(1) })).sequence, 21)
        assert.lengthOf(yield* Stream.runCollect(topic.read({ from: "first" })), 21)
      }).pipe(Effect.provide(Embedded.layer({ directory, durability: "disk" }), { local: true }))
    })
  )

  it.live("settings that are no JSON, or of a later version, are reported with the file's name", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* fill(directory)
      const file = path.join(directory, "topics", "t", "topic.json")
      const settings = fs.readFileSync(file, "utf8")
      fs.writeFileSync(file, settings.replace('"version": 1', '"version": 2'))
      assert.match(yield* storageFailed(openTopic(directory)), /topic\.json is of format version 2.*upgrade/)
      fs.writeFileSync(file, settings.slice(0, 20))
      assert.match(yield* storageFailed(openTopic(directory)), /topic\.json is not JSON/)
      assert.isTrue(fs.existsSync(recordsFile(directory)), "nothing was removed")
    })
  )

  it.live("a directory that cannot be one is StorageFailed", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const file = path.join(directory, "file")
      fs.writeFileSync(file, "")
      assert.match(yield* storageFailed(openTopic(file)), /EEXIST|ENOTDIR/)
    })
  )

  it.live("what crashes in the middle of making or removing left behind is swept", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* fill(directory)
      const topics = path.join(directory, "topics")
      fs.mkdirSync(path.join(topics, "half-made", "records"), { recursive: true })
      fs.mkdirSync(path.join(topics, ".removed-x", "records"), { recursive: true })
      fs.mkdirSync(path.join(topics, "t", "subscriptions", "half-made"), { recursive: true })
      yield* Effect.gen(function* () {
        const broker = yield* Broker
        assert.deepStrictEqual(yield* broker.topics, ["t"])
        const topic = yield* broker.topic({ name: "t" })
        assert.deepStrictEqual((yield* topic.info).subscriptions, [])
        assert.deepStrictEqual(fs.readdirSync(topics), ["t"])
        assert.deepStrictEqual(fs.readdirSync(path.join(topics, "t", "subscriptions")), [])
      }).pipe(Effect.provide(Embedded.layer({ directory, durability: "disk" }), { local: true }))
    })
  )

  it.live("dropped records give their disk space back, a file at a time", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const layer = Embedded.layer({ directory, durability: "os", segmentBytes: 100_000 })
      const home = path.join(directory, "topics", "t", "records")
      const size = Effect.sync(() =>
        fs.readdirSync(home).reduce((sum, name) => sum + fs.statSync(path.join(home, name)).size, 0)
      )
      yield* Effect.gen(function* () {
        const topic = yield* (yield* Broker).topic({ name: "t", limits: { maxRecords: 50 } })
        for (let i = 0; i < 100; i++) {
          yield* topic.appendAll(
            Array.from({ length: 10 }, () => ({ subject: "a", data: new Uint8Array(1_000) }))
          )
        }
        // A million bytes were appended, fifty thousand are there.
        yield* Effect.repeat(size, {
          until: (bytes) => bytes < 400_000,
          schedule: Schedule.spaced("5 millis")
        })
        assert.lengthOf(yield* Stream.runCollect(topic.read({ from: "first" })), 50)
        // Each of these is as large as a file, so each makes room: its own answer must come all the same.
        for (let i = 0; i < 20; i++) yield* topic.append({ subject: "a", data: new Uint8Array(100_000) })
      }).pipe(Effect.timeout("20 seconds"), Effect.provide(layer, { local: true }))
      yield* Effect.gen(function* () {
        const topic = yield* (yield* Broker).topic({ name: "t", limits: { maxRecords: 50 } })
        const records = yield* Stream.runCollect(topic.read({ from: "first" }))
        assert.deepStrictEqual(
          records.map((record) => record.sequence),
          Array.from({ length: 50 }, (_, i) => 971 + i)
        )
      }).pipe(Effect.provide(layer, { local: true }))
    })
  )

  it.live(
    "a flipped bit anywhere in them is reported, or changes nothing",
    () =>
      Effect.gen(function* () {
        const sound = yield* temporaryDirectory
        const look = (directory: string) =>
          Effect.gen(function* () {
            const topic = yield* (yield* Broker).topic({ name: "t", limits: { maxRecords: 100 } })
            const subscription = yield* topic.subscription({ name: "s", ackWait: "1 hour" })
            const records = yield* Stream.runCollect(topic.read({ from: "first" }))
            return JSON.stringify([records, yield* subscription.info])
          }).pipe(Effect.provide(Embedded.layer({ directory, durability: "disk" }), { local: true }))
        yield* Effect.gen(function* () {
          const topic = yield* (yield* Broker).topic({ name: "t", limits: { maxRecords: 100 } })
          const data = new TextEncoder().encode("some data")
          yield* topic.append({ subject: "a", data, headers: { note: "ż" }, messageId: "id" })
          yield* topic.appendAll([
            { subject: "b", data },
            { subject: "b", data, ttl: "1 hour" }
          ])
          yield* topic.appendAt({ atMillis: 4e12, schedule: "later", subject: "c", data })
          yield* topic.delete(2)
          const subscription = yield* topic.subscription({ name: "s", ackWait: "1 hour" })
          const reader = yield* subscription.reader({ prefetch: 2 })
          const [delivery] = yield* reader.take(2)
          yield* delivery?.ackConfirmed ?? Effect.void
        }).pipe(
          Effect.scoped,
          Effect.provide(Embedded.layer({ directory: sound, durability: "disk" }), { local: true })
        )
        const expected = yield* look(sound)
        const files = fs
          .readdirSync(sound, { recursive: true, encoding: "utf8" })
          .filter((name) => fs.statSync(path.join(sound, name)).isFile())
        const random = randomFrom(firstSeed())
        let reported = 0
        for (const name of files) {
          const { size } = fs.statSync(path.join(sound, name))
          const step = Math.max(1, Math.ceil(size / count({ quick: 25, long: 100_000 })))
          for (let at = Math.floor(random() * step); at < size; at += step) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const directory = path.join(yield* temporaryDirectory, "copy")
                fs.cpSync(sound, directory, { recursive: true })
                const file = path.join(directory, name)
                const bytes = fs.readFileSync(file)
                bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8))
                fs.writeFileSync(file, bytes)
                const seen = yield* Effect.result(look(directory))
                if (Result.isSuccess(seen)) assert.strictEqual(seen.success, expected, `${name}, byte ${at}`)
                else if (seen.failure._tag === "BrokerError") {
                  reported++
                  assert.include(
                    ["StorageFailed", "SpecMismatch", "Rejected"],
                    seen.failure.reason._tag,
                    `${name}, byte ${at}`
                  )
                } else assert.fail(seen.failure.message)
              })
            ).pipe(Effect.onError(() => Effect.logError(`${name}, byte ${at}`)))
          }
        }
        assert.isAbove(reported, 50)
      }),
    count({ quick: 60_000, long: 600_000 })
  )
})
