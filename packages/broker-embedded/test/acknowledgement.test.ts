import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker, type Topic } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

/**
 * What a kill -9 at this very moment would leave: the files as they are now. Deterministic, where a real kill hits the
 * moment between an acknowledgement and a late write only by luck.
 */
const killedNow = Effect.fnUntraced(function* (directory: string) {
  const copy = yield* temporaryDirectory
  fs.cpSync(directory, copy, { recursive: true })
  fs.rmSync(path.join(copy, "lock"))
  return copy
})

const onCopy = <A, E>(directory: string, look: (topic: Topic) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const copy = yield* killedNow(directory)
    return yield* Effect.flatMap(Broker, (broker) =>
      Effect.flatMap(broker.topic({ name: "t", dedupeWindow: "1 hour" }), look)
    ).pipe(Effect.provide(Embedded.layer({ directory: copy, durability: "os" }), { local: true }))
  })

const sequences = (topic: Topic) =>
  topic.read({ from: "first" }).pipe(
    Stream.map((record) => record.sequence),
    Stream.runCollect
  )

describe("what is acknowledged is in the files at that moment", () => {
  for (const durability of ["os", "disk"] as const) {
    it.live(`records, groups, deletes, purges, roll-ups and confirmed acks (durability ${durability})`, () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        yield* Effect.gen(function* () {
          const topic = yield* (yield* Broker).topic({ name: "t", dedupeWindow: "1 hour" })
          yield* topic.append({ subject: "a.1", data: bytes("one"), messageId: "m1", headers: { h: "ä" } })
          assert.deepStrictEqual(yield* onCopy(directory, sequences), [1])
          assert.deepStrictEqual(
            yield* onCopy(directory, (copy) =>
              copy.append({ subject: "a.1", data: bytes("one"), messageId: "m1" })
            ),
            { sequence: 1, duplicate: true }
          )
          assert.deepStrictEqual(
            yield* onCopy(directory, (copy) =>
              Effect.map(
                copy.last("a.1"),
                Option.map((r) => r.headers)
              )
            ),
            Option.some({ h: "ä" })
          )

          yield* topic.appendAll(["a.2", "b.1", "b.2"].map((subject) => ({ subject, data: bytes(subject) })))
          assert.deepStrictEqual(yield* onCopy(directory, sequences), [1, 2, 3, 4])

          yield* topic.delete(2)
          assert.deepStrictEqual(yield* onCopy(directory, sequences), [1, 3, 4])

          yield* topic.append({ subject: "b.1", data: bytes("rolled"), rollup: true })
          assert.deepStrictEqual(yield* onCopy(directory, sequences), [1, 4, 5])

          assert.strictEqual(yield* topic.purge({ filter: "b.>", keep: 1 }), 1)
          assert.deepStrictEqual(yield* onCopy(directory, sequences), [1, 5])
          assert.deepStrictEqual(
            yield* onCopy(directory, (copy) => copy.append({ subject: "c", data: bytes("c") })),
            { sequence: 6, duplicate: false }
          )

          const subscription = yield* topic.subscription({ name: "s" })
          const reader = yield* subscription.reader({ prefetch: 2 })
          const [first] = yield* reader.take(2)
          yield* first?.ackConfirmed ?? Effect.void
          const left = yield* onCopy(directory, (copy) =>
            Effect.scoped(
              Effect.gen(function* () {
                const again = yield* copy.subscription({ name: "s" })
                const taken = yield* (yield* again.reader({ prefetch: 9 })).take(9)
                return taken.map((delivery) => [delivery.record.sequence, delivery.attempt])
              })
            )
          )
          assert.deepStrictEqual(left, [[5, 2]])

          yield* subscription.reset(1)
          const info = yield* onCopy(directory, (copy) =>
            Effect.flatMap(copy.subscription({ name: "s" }), (again) => again.info)
          )
          assert.deepStrictEqual([info.pending, info.ackPending, info.ackFloor], [2, 0, 0])
        }).pipe(Effect.scoped, Effect.provide(Embedded.layer({ directory, durability })))
      })
    )
  }

  it.live("a topic or subscription that was made is there, a deleted one is not", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* Effect.gen(function* () {
        const broker = yield* Broker
        const topic = yield* broker.topic({ name: "t", dedupeWindow: "1 hour" })
        yield* broker.topic({ name: "other" })
        yield* topic.subscription({ name: "s", maxDeliver: 7 })
        yield* topic.subscription({ name: "gone" })
        yield* topic.deleteSubscription("gone")
        yield* broker.deleteTopic("other")
        const copy = yield* killedNow(directory)
        yield* Effect.gen(function* () {
          const again = yield* Broker
          assert.deepStrictEqual(yield* again.topics, ["t"])
          const reopened = yield* again.topic({ name: "t", dedupeWindow: "1 hour" })
          assert.deepStrictEqual(
            (yield* reopened.info).subscriptions.map((s) => s.name),
            ["s"]
          )
          const error = yield* Effect.flip(reopened.subscription({ name: "s", maxDeliver: 8 }))
          assert.strictEqual(error.reason._tag, "SpecMismatch")
          const spec = yield* Effect.flip(again.topic({ name: "t", dedupeWindow: "2 hours" }))
          assert.strictEqual(spec.reason._tag, "SpecMismatch")
        }).pipe(Effect.provide(Embedded.layer({ directory: copy, durability: "os" }), { local: true }))
      }).pipe(Effect.scoped, Effect.provide(Embedded.layer({ directory, durability: "os" })))
    })
  )
})
