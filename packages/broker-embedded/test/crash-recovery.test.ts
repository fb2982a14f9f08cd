import { assert, describe, it } from "@effect/vitest"
import { Broker, type TopicRecord } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { startChild } from "./ChildProcess.ts"
import { randomFrom } from "./Seeded.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const text = (record: TopicRecord) => new TextDecoder().decode(record.data)

/** What the killed processes said, over all rounds. */
interface Told {
  readonly acknowledged: Map<number, string>
  readonly deleting: Set<number>
  readonly deleted: Set<number>
  readonly delivered: Set<number>
  readonly confirmed: Set<number>
}

const take = (told: Told, lines: ReadonlyArray<string>): void => {
  for (const line of lines) {
    const [kind, first = "", second = ""] = line.split(" ")
    const sequence = Number(first)
    if (kind === "A") told.acknowledged.set(sequence, second)
    if (kind === "d") told.deleting.add(sequence)
    if (kind === "D") told.deleted.add(sequence)
    if (kind === "C") told.confirmed.add(sequence)
    if (kind === "R") {
      assert.isFalse(told.confirmed.has(sequence), `${sequence} was confirmed and came again`)
      told.delivered.add(sequence)
    }
  }
}

/** The state after a kill, against everything that was told. */
const verify = (told: Told) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const topic = yield* broker.topic({ name: "crash", dedupeWindow: "1 hour" })
    const records = yield* Stream.runCollect(topic.read({ from: "first" }))
    const bySequence = new Map(records.map((record) => [record.sequence, record]))

    // Nothing acknowledged is lost or changed; what was deleted stays deleted.
    for (const [sequence, id] of told.acknowledged) {
      const record = bySequence.get(sequence)
      if (told.deleted.has(sequence)) assert.isUndefined(record, `${sequence} was deleted and is back`)
      else if (!told.deleting.has(sequence))
        assert.isDefined(record, `${sequence} was acknowledged and is lost`)
      if (record !== undefined) assert.strictEqual(text(record), id)
    }

    // Nothing invented, repeated or reordered: sequences rise without gaps but deletes, each writer's numbers 0, 1, 2 …
    const next = new Map<string, number>()
    let expected = 1
    for (const record of records) {
      while (expected < record.sequence) {
        assert.isTrue(told.deleting.has(expected), `${expected} is missing`)
        const id = told.acknowledged.get(expected) ?? ""
        const writer = id.slice(0, id.lastIndexOf("."))
        next.set(writer, (next.get(writer) ?? 0) + 1)
        expected++
      }
      const id = text(record)
      assert.strictEqual(record.messageId, id)
      assert.deepStrictEqual(record.headers, { id })
      const writer = id.slice(0, id.lastIndexOf("."))
      assert.strictEqual(
        Number(id.slice(id.lastIndexOf(".") + 1)),
        next.get(writer) ?? 0,
        `order of ${writer}`
      )
      next.set(writer, (next.get(writer) ?? 0) + 1)
      expected++
    }
    // A pair of one call is there as a whole: after a multiple of three comes its second.
    for (const [writer, numbers] of next) {
      assert.isFalse((numbers - 1) % 3 === 0, `${writer} ends in the middle of a pair`)
    }

    // A repeat of what was acknowledged is recognised.
    for (const [sequence, id] of Array.from(told.acknowledged).slice(-20)) {
      const again = yield* topic.append({ subject: "again", data: new Uint8Array(1), messageId: id })
      assert.deepStrictEqual(again, { sequence, duplicate: true })
    }
    return records
  })

describe("a process that is killed with SIGKILL", () => {
  for (const durability of ["os", "disk"] as const) {
    it.live(
      `loses nothing acknowledged, invents nothing, and delivers at least once (durability ${durability})`,
      () =>
        Effect.gen(function* () {
          const directory = yield* temporaryDirectory
          const seed = firstSeed()
          const random = randomFrom(seed)
          const told: Told = {
            acknowledged: new Map(),
            deleting: new Set(),
            deleted: new Set(),
            delivered: new Set(),
            confirmed: new Set()
          }
          const kills = count({ quick: 4, long: 100 })
          for (let round = 0; round < kills; round++) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const child = yield* startChild("crash-writer.ts", [directory, durability, String(round)])
                yield* child.line("open")
                yield* Effect.sleep(random() * 120)
                yield* child.kill
                take(told, child.lines)
              })
            )
            yield* Effect.provide(verify(told), Embedded.layer({ directory, durability }), { local: true })
          }
          assert.isAbove(told.acknowledged.size, kills, "the killed processes did some work")
          assert.isAbove(told.confirmed.size, 0)

          // What is left of the subscription comes, without what was confirmed.
          const records = yield* Effect.gen(function* () {
            const all = yield* verify(told)
            const topic = yield* (yield* Broker).topic({ name: "crash", dedupeWindow: "1 hour" })
            const subscription = yield* topic.subscription({ name: "work", ackWait: "1 minute" })
            const reader = yield* subscription.reader({ prefetch: 1_000 })
            for (;;) {
              const { ackPending, pending } = yield* subscription.info
              if (pending + ackPending === 0) break
              const taken = yield* Effect.timeout(reader.take(1_000), "10 seconds")
              take(
                told,
                taken.map((delivery) => `R ${delivery.record.sequence}`)
              )
              for (const delivery of taken) yield* delivery.ack
            }
            return all
          }).pipe(Effect.scoped, Effect.provide(Embedded.layer({ directory, durability }), { local: true }))
          for (const { sequence } of records) {
            assert.isTrue(told.delivered.has(sequence), `${sequence} was never delivered`)
          }
        }).pipe(Effect.onError(() => Effect.logError(`seed ${firstSeed()}`))),
      count({ quick: 60_000, long: 600_000 })
    )
  }
})
