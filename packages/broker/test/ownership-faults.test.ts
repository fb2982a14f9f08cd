import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Broker } from "../src/Broker.ts"
import { seededFaults } from "../src/Faults.ts"
import { layerMemoryWith } from "../src/MemoryBroker.ts"
import * as Ownership from "../src/Ownership.ts"
import type { AppendRequest } from "../src/Topic.ts"
import { type Draw, drawFrom } from "./backend/Seeded.ts"

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** What owners were told about the records they appended: `<epoch>.<owner>.<n>`. */
interface Told {
  readonly claims: Set<number>
  readonly stored: Map<string, number>
  readonly refused: Set<string>
}

/** Claims, appends for a while and goes, again and again; its appends may have checks, come in groups, and overlap. */
const contend = (work: Ownership.Ownership, owner: number, draw: Draw, told: Told) =>
  Effect.scoped(
    Effect.gen(function* () {
      const owned = yield* work.claim(0)
      told.claims.add(owned.epoch)
      const appendOne = (n: number) => {
        const names = Array.from({ length: 1 + draw.int(3) }, (_, i) => `${owned.epoch}.${owner}.${n}.${i}`)
        const requests = names.map(
          (name): AppendRequest => ({
            subject: `s.${draw.int(3)}.${name}`,
            data: utf8.encode(name),
            ...(draw.chance(0.4) ? { expectLast: 0 } : {})
          })
        )
        return Effect.match(owned.append(requests), {
          onSuccess: (sequences) => {
            for (const [i, name] of names.entries()) told.stored.set(name, sequences[i] ?? 0)
          },
          onFailure: (error) => {
            // Of an answer that was lost nobody knows.
            if (error._tag === "OwnershipLost" || error.reason._tag !== "Unknown") {
              for (const name of names) told.refused.add(name)
            }
          }
        })
      }
      const rounds = draw.int(12)
      for (let n = 0; n < rounds; n++) {
        yield* Effect.forEach([10 * n, 10 * n + 1, 10 * n + 2].slice(draw.int(3)), appendOne, {
          concurrency: "unbounded"
        })
        yield* Effect.sleep(draw.int(2_000))
      }
    })
  ).pipe(Effect.ignore, Effect.andThen(Effect.sleep(draw.int(500))))

/** Ends leases behind their owners' backs, as long pauses do. */
const disturb = (work: Ownership.Ownership, draw: Draw) =>
  Effect.andThen(
    Effect.sleep(500 + draw.int(6_000)),
    Effect.ignore(work.leases.purge(`${work.prefix}.lease.0`))
  )

const run = (seed: number) =>
  Effect.gen(function* () {
    const draw = drawFrom(seed)
    const told: Told = { claims: new Set(), stored: new Map(), refused: new Set() }
    const topic = yield* (yield* Broker).topic({ name: "t" })
    const work = yield* Ownership.make({ topic, name: "work" })
    const fibers = yield* Effect.forEach([1, 2, 3], (owner) =>
      Effect.forkChild(Effect.forever(contend(work, owner, draw, told)))
    )
    fibers.push(yield* Effect.forkChild(Effect.forever(disturb(work, draw))))
    for (let step = 0; step < 300; step++) yield* TestClock.adjust("200 millis")
    const stopping = yield* Effect.forkChild(Effect.forEach(fibers, Fiber.interrupt, { discard: true }))
    for (let step = 0; step < 100; step++) yield* TestClock.adjust("200 millis")
    yield* Fiber.join(stopping)

    const records = yield* Stream.runCollect(topic.read({ from: "first", filters: ["s.>"] }))
    const found = new Map(records.map((record) => [text.decode(record.data), record.sequence]))
    assert.strictEqual(found.size, records.length, "nothing is stored twice")
    let newest = 0
    for (const record of records) {
      const epoch = Number(text.decode(record.data).split(".")[0])
      assert.isAtLeast(epoch, newest, "no record of an old owner behind one of a newer owner")
      newest = epoch
      for (const claim of told.claims) {
        assert.isFalse(
          epoch < claim && claim < record.sequence,
          "no record of an old owner behind a newer claim"
        )
      }
    }
    for (const [name, sequence] of told.stored) assert.strictEqual(found.get(name), sequence)
    for (const name of told.refused) assert.isUndefined(found.get(name), `${name} was refused and is stored`)
    return { claims: told.claims.size, stored: told.stored.size, refused: told.refused.size }
  }).pipe(
    Effect.provide(
      layerMemoryWith({
        faults: seededFaults({ seed, busy: 0.1, unavailable: 0.05, unknown: 0.1, delayMillisMax: 400 })
      }),
      { local: true }
    ),
    Effect.onError(() => Effect.logError(`TROUPE_SEED=${seed}`))
  )

describe("owners among faults, delays and stolen leases", () => {
  it.effect(
    "never append behind a newer claim; what was answered is true",
    () =>
      Effect.gen(function* () {
        const sum = { claims: 0, stored: 0, refused: 0 }
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 40, long: 1_000 }); seed++) {
          const seen = yield* run(seed)
          sum.claims += seen.claims
          sum.stored += seen.stored
          sum.refused += seen.refused
        }
        assert.isAbove(sum.claims, 20)
        assert.isAbove(sum.stored, 100)
        assert.isAbove(sum.refused, 10)
      }),
    count({ quick: 60_000, long: 1_800_000 })
  )
})
