import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker, type BrokerError } from "@troupe/broker"
import { type DirectoryHeld, Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
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
})
