import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

/** Bytes of all files below folders of this name. */
const bytesIn = (directory: string, folder: string): number =>
  fs
    .readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.split(path.sep).includes(folder))
    .reduce((sum, name) => sum + fs.statSync(path.join(directory, name)).size, 0)

const data = new TextEncoder().encode("x")

describe("a topic that was first opened inside an actor system", () => {
  it.live("is appended to, purged and subscribed to after that actor system has ended", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* Effect.gen(function* () {
        const broker = yield* Broker
        const opened = yield* Effect.gen(function* () {
          const topic = yield* broker.topic({ name: "t", limits: { maxRecordsPerSubject: 1 } })
          const subscription = yield* topic.subscription({ name: "s", start: "first" })
          yield* topic.append({ subject: "a", data })
          return { topic, subscription }
        }).pipe(Effect.provide(ActorSystem.layer, { local: true }))

        const { subscription } = opened
        const topic = yield* broker.topic({ name: "t", limits: { maxRecordsPerSubject: 1 } })
        assert.strictEqual((yield* topic.append({ subject: "a", data })).sequence, 2)
        assert.deepStrictEqual(
          yield* topic.appendAll([
            { subject: "a", data },
            { subject: "b", data }
          ]),
          [3, 4]
        )
        assert.strictEqual(yield* topic.purge({ filter: "b" }), 1)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const reader = yield* subscription.reader({ prefetch: 1 })
            const [delivery] = yield* reader.take(1)
            assert.strictEqual(delivery?.record.sequence, 3)
            const written = bytesIn(directory, "subscriptions")
            yield* delivery?.ack ?? Effect.die("nothing was delivered")
            // Nobody waits for it, so only the log's own actor writes it.
            while (bytesIn(directory, "subscriptions") === written) yield* Effect.sleep("2 millis")
          })
        )
        assert.strictEqual(yield* Stream.runCount(topic.read({ from: "first" })), 1)
      }).pipe(Effect.provide(Embedded.layer({ directory, durability: "os" }), { local: true }))
    }).pipe(Effect.scoped, Effect.timeout("10 seconds"))
  )
})
