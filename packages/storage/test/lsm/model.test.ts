import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { SimFs } from "../../src/disk/SimFs.ts"
import type { OpenLsm, Snapshot } from "../../src/lsm/OpenLsm.ts"
import type { LsmOptions } from "../../src/lsm.ts"
import { batchOf, decoded, keyOf, Model, seeded, shown, tiny, withStore } from "./sim-lsm.ts"

/** Long counts take their time; a hang is still found. */
const patience = count({ quick: 120_000, long: 3_600_000 })

type Options = Omit<LsmOptions, "directory">

const shapes: ReadonlyArray<{ readonly name: string; readonly options: Options }> = [
  { name: "disk", options: { ...tiny, durability: "disk" } },
  {
    name: "memory, large blocks",
    options: { ...tiny, durability: "memory", blockBytes: 4096, tableBytes: 256 }
  },
  { name: "os, three versions", options: { ...tiny, durability: "os", history: { versions: 3 } } },
  { name: "os, a second of history", options: { ...tiny, durability: "os", history: { millis: 1000 } } },
  { name: "os, many levels", options: { ...tiny, durability: "os", level1Bytes: 300, tableBytes: 256 } }
]

interface Held {
  readonly snapshot: Snapshot
  readonly sequence: number
  readonly scope: Scope.Closeable
}

/** Reads that every reader at a sequence must answer as the model does. */
const checkReads = (reader: Snapshot, model: Model, sequence: number, random: () => number): void => {
  const state = model.at(sequence)
  assert.deepStrictEqual([...shown(reader)], [...state], `scan at ${sequence}`)
  const sorted = [...state.keys()]
  const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
  for (let i = 0; i < 8; i++) {
    const key = keyOf(random)
    assert.strictEqual(decoded(reader.getSync(key)), state.get(key), `get ${key} at ${sequence}`)
    assert.strictEqual(reader.hasSync(key), state.has(key), `has ${key} at ${sequence}`)
    const other = keyOf(random)
    const limit = random() < 0.5 ? 1000 : Math.floor(random() * 5)
    const isReverse = random() < 0.5
    const low = random() < 0.5 ? { gt: key } : { gte: key }
    const high = random() < 0.5 ? { lt: other } : { lte: other }
    const inRange = sorted.filter(
      (k) =>
        ("gt" in low ? order(k, key) > 0 : order(k, key) >= 0) &&
        ("lt" in high ? order(k, other) < 0 : order(k, other) <= 0)
    )
    const expected = (isReverse ? inRange.toReversed() : inRange).slice(0, limit)
    const options = { ...low, ...high, limit, reverse: isReverse }
    assert.deepStrictEqual(
      [...reader.scan(options)].map((entry) => decoded(entry.key)),
      expected,
      `scan ${JSON.stringify(options)} at ${sequence}`
    )
    const prefixed = sorted.filter((k) => k.startsWith(key))
    assert.deepStrictEqual(
      [...reader.scan({ prefix: key, reverse: isReverse })].map((entry) => decoded(entry.key)),
      isReverse ? prefixed.toReversed() : prefixed,
      `scan of prefix ${key} at ${sequence}`
    )
    const cursor = reader.cursor({ reverse: isReverse })
    for (const goal of [key, other, key]) {
      cursor.seek(goal)
      const next = isReverse
        ? sorted.findLast((k) => order(k, goal) <= 0)
        : sorted.find((k) => order(k, goal) >= 0)
      assert.strictEqual(
        decoded(cursor.next()?.key),
        next,
        `seek ${goal}, reverse ${isReverse}, at ${sequence}`
      )
      if (next === undefined) break
    }
    cursor.close()
  }
}

/** One seeded life of a store: writes, flushes, compactions, snapshots, reads, reopenings. */
const live = Effect.fnUntraced(function* (options: Options, seed: number, steps: number) {
  const random = seeded(seed)
  const fs = new SimFs(seed)
  const model = new Model()
  let asOfChecked = 0
  const run = (store: OpenLsm) =>
    Effect.gen(function* () {
      const held: Array<Held> = []
      for (let step = 0; step < steps; step++) {
        const choice = random()
        if (choice < 0.55) {
          yield* TestClock.adjust(Math.floor(random() * 100))
          const batch = batchOf(random, step)
          model.note(batch, yield* Clock.currentTimeMillis)
          assert.strictEqual(yield* store.write(batch), model.last)
        } else if (choice < 0.6) yield* store.flush
        else if (choice < 0.63) yield* store.compact
        else if (choice < 0.7) {
          const scope = yield* Scope.make()
          const snapshot = yield* Scope.provide(store.snapshot, scope)
          held.push({ snapshot, sequence: store.sequence, scope })
        } else if (choice < 0.75) {
          const going = held.splice(Math.floor(random() * held.length), 1)[0]
          if (going !== undefined) yield* Scope.close(going.scope, Exit.void)
        } else if (choice < 0.85) {
          const one = held[Math.floor(random() * held.length)]
          if (one !== undefined) checkReads(one.snapshot, model, one.sequence, random)
          checkReads(store, model, store.sequence, random)
        } else {
          asOfChecked += yield* checkAsOf(store, model, options, random)
        }
      }
      for (const { scope } of held) yield* Scope.close(scope, Exit.void)
    })
  for (let opening = 0; opening < 3; opening++) yield* withStore(fs, options, run)
  return asOfChecked
})

/** Exact or gone; and never gone within what `history` promises. */
const checkAsOf = Effect.fnUntraced(function* (
  store: OpenLsm,
  model: Model,
  options: Options,
  random: () => number
) {
  const key = keyOf(random)
  const nowMillis = yield* Clock.currentTimeMillis
  const byTime = random() < 0.5
  const asked = Math.floor(random() * (model.last + 1))
  const timeMillis = nowMillis - Math.floor(random() * 3000)
  const sequence = byTime ? model.sequenceAt(timeMillis) : asked
  const exit = yield* Effect.exit(store.getAsOf(key, byTime ? { timeMillis } : { sequence }))
  const expected = model.at(sequence).get(key)
  if (Exit.isSuccess(exit)) {
    assert.strictEqual(decoded(exit.value), expected, `${key} as of ${byTime ? timeMillis : sequence}`)
    return 1
  }
  const [reason] = exit.cause.reasons
  assert.isTrue(reason?._tag === "Fail" && reason.error._tag === "HistoryGone", `${exit.cause}`)
  const { millis, versions = 1 } = options.history ?? {}
  const momentMillis = byTime ? timeMillis : (model.writes[sequence]?.timeMillis ?? 0)
  if (millis !== undefined) {
    assert.isBelow(momentMillis, nowMillis - millis, `${key} gone within the history at ${sequence}`)
  }
  // Of the newest versions of a key no value is gone, however old it is; that it had none may be.
  const newest = model.writes.flatMap((write, i) => (i > 0 && write.key === key ? [i] : [])).slice(-versions)
  if (!byTime && expected !== undefined && newest.length === versions) {
    assert.isBelow(sequence, newest[0] as number, `${key} gone at ${sequence}, kept from ${newest[0]}`)
  }
  return 0
})

describe("K1 the store equals a sorted map at every sequence; K2 snapshots and cursors see exactly theirs; K6 compaction changes nothing for them", {
  timeout: patience
}, () => {
  for (const { name, options } of shapes) {
    it.effect(name, () =>
      Effect.gen(function* () {
        let asOfChecked = 0
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 8, long: 600 }); seed++) {
          const exit = yield* Effect.exit(live(options, seed, 120))
          if (Exit.isFailure(exit)) assert.fail(`TROUPE_SEED=${seed}: ${exit.cause}`)
          asOfChecked += exit.value
        }
        assert.isAbove(asOfChecked, 10)
      })
    )
  }
})
