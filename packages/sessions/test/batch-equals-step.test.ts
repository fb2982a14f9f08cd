import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import { Sessions, SessionTable } from "../src/index.ts"
import { type Hit, type HitChange, history, hitSpec, pieces, random, run } from "./histories.ts"

const seeds = Array.from({ length: count({ quick: 300, long: 1000 }) }, (_, i) => firstSeed() + i)

/** Runs a property for every seed; a failure names the seed. */
const forSeeds = (property: (seed: number) => void) => {
  for (const seed of seeds) {
    try {
      property(seed)
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
}

/** A thousand seeds take a few seconds on a machine that has nothing else to do. */
const timeout = 120_000

const distinct = (events: ReadonlyArray<Hit>) => new Map(events.map((event) => [event.id, event]))

const boundaryOf = (seed: number) => (seed % 2 === 0 ? "inclusive" : "exclusive")

describe("batch equals step", () => {
  it(
    "for any chunks and any order of arrival within the lateness",
    () => {
      let corrections = 0
      let retractions = 0
      forSeeds((seed) => {
        const spec = hitSpec({
          boundary: boundaryOf(seed),
          delayMillis: (seed % 3) * 60,
          latenessMillis: 700
        })
        // With a delay the watermark is that much kinder.
        const events = history(seed, { events: 120, gap: 100, disorder: 700 + spec.delayMillis })
        const { changes, state } = run(spec, pieces(events, random(seed)))
        assert.deepStrictEqual(
          SessionTable.ofChanges(changes),
          new Map(SessionTable.ofBatch(Sessions.batch(spec, events)))
        )
        assert.strictEqual(state.counts.late, 0)
        assert.strictEqual(state.counts.accepted, distinct(events).size)
        assert.strictEqual(state.counts.duplicates, events.length - distinct(events).size)
        corrections += changes.filter((change) => change._tag === "Corrected").length
        retractions += changes.filter((change) => change._tag === "Retracted").length
      })
      // The histories do put the hard cases to the test.
      assert.isAbove(corrections, seeds.length)
      assert.isAbove(retractions, seeds.length / 10)
    },
    timeout
  )

  it(
    "with a cap on the size of a session too",
    () => {
      let capped = 0
      forSeeds((seed) => {
        const spec = hitSpec({ latenessMillis: 700, maxEvents: 2 + (seed % 5), early: seed % 2 === 0 })
        const events = history(seed, { events: 120, gap: 100, disorder: 700 })
        const { changes, state } = run(spec, pieces(events, random(seed)))
        assert.deepStrictEqual(
          SessionTable.ofChanges(changes),
          new Map(SessionTable.ofBatch(Sessions.batch(spec, events)))
        )
        const { accepted, duplicates, quarantined } = state.counts
        assert.strictEqual(accepted + duplicates + quarantined, events.length)
        capped += changes.filter((change) => change._tag === "Quarantined").length
      })
      assert.isAbove(capped, seeds.length)
    },
    timeout
  )

  it(
    "over the accepted events whatever comes late, and accepted and late together are all",
    () => {
      let dropped = 0
      let kept = 0
      forSeeds((seed) => {
        const spec = hitSpec({ boundary: boundaryOf(seed), latenessMillis: (seed % 4) * 50 })
        const events = history(seed, { events: 120, gap: 100, disorder: 900 })
        const { changes, state } = run(spec, pieces(events, random(seed)))
        const all = distinct(events)
        const late = new Set(changes.flatMap((change) => (change._tag === "Late" ? [change.eventId] : [])))
        // A copy of an accepted event that comes after its session was forgotten is late too, but not lost.
        const accepted = acceptedOf(changes, events, spec)
        for (const id of all.keys()) assert.isTrue(accepted.has(id) || late.has(id), `${id} vanished`)
        assert.deepStrictEqual(
          SessionTable.ofChanges(changes),
          new Map(SessionTable.ofBatch(Sessions.batch(spec, accepted.values())))
        )
        assert.deepStrictEqual(
          Sessions.batch(spec, [...accepted.values(), ...events.filter((event) => late.has(event.id))]),
          Sessions.batch(spec, events)
        )
        const { accepted: inSessions, duplicates, late: lateCount, nullKey, quarantined } = state.counts
        assert.strictEqual(inSessions + duplicates + lateCount + nullKey + quarantined, events.length)
        dropped += late.size
        kept += accepted.size
      })
      assert.isAbove(dropped, seeds.length)
      assert.isAbove(kept, seeds.length * 20)
    },
    timeout
  )

  it(
    "where chunks are cut changes no change, no order and no byte of the state",
    () => {
      forSeeds((seed) => {
        const spec = hitSpec({ latenessMillis: 300, early: seed % 2 === 0 })
        const events = history(seed, { events: 100, gap: 100, disorder: 600 })
        const whole = run(spec, [events])
        const cut = run(spec, pieces(events, random(seed + 1)))
        const single = run(
          spec,
          events.map((event) => [event])
        )
        const codec = Sessions.codec(spec)
        for (const other of [cut, single]) {
          assert.deepStrictEqual(other.changes, whole.changes)
          assert.deepStrictEqual(codec.encode(other.state), codec.encode(whole.state))
        }
      })
    },
    timeout
  )

  it(
    "going on from a snapshot in the middle is going on undisturbed",
    () => {
      forSeeds((seed) => {
        const spec = hitSpec({
          latenessMillis: 300,
          early: seed % 2 === 0,
          maxEvents: seed % 5 === 0 ? 4 : 100
        })
        const codec = Sessions.codec(spec)
        const events = history(seed, { events: 100, gap: 100, disorder: 600 })
        const middle = 1 + (seed % 98)
        const before = run(spec, [events.slice(0, middle)], { ends: false })
        const bytes = codec.encode(before.state)
        const restored = codec.decode(bytes)
        assert.deepStrictEqual(codec.encode(restored), bytes)
        const after = run(spec, pieces(events.slice(middle), random(seed)), { state: restored })
        const undisturbed = run(spec, [events])
        assert.deepStrictEqual([...before.changes, ...after.changes], undisturbed.changes)
        assert.deepStrictEqual(codec.encode(after.state), codec.encode(undisturbed.state))
      })
    },
    timeout
  )

  it(
    "revisions rise, a session closes once, and what is retracted never comes back",
    () => {
      forSeeds((seed) => {
        const spec = hitSpec({ latenessMillis: 900, early: seed % 2 === 0 })
        const events = history(seed, { events: 120, gap: 100, disorder: 900 })
        const { changes } = run(spec, pieces(events, random(seed)))
        const revisions = new Map<string, number>()
        const closed = new Set<string>()
        const retracted = new Map<string, string | null>()
        for (const change of changes) {
          if (change._tag === "Late" || change._tag === "Quarantined") continue
          const id = change.sessionId
          assert.isAbove(change.revision, revisions.get(id) ?? 0)
          assert.isFalse(retracted.has(id), "a retracted session was told again")
          revisions.set(id, change.revision)
          if (change._tag === "Retracted") retracted.set(id, change.into)
          if (change._tag === "Closed") {
            assert.isFalse(closed.has(id), "closed twice")
            closed.add(id)
          }
        }
        // Following `into` ends at a session of the table.
        const table = SessionTable.ofChanges(changes)
        for (const id of retracted.keys()) {
          let into: string | null | undefined = id
          while (into !== null && retracted.has(into)) into = retracted.get(into) ?? null
          assert.isTrue(into !== null && table.has(into))
        }
      })
    },
    timeout
  )

  it(
    "after the last event, the gap and the lateness nothing of any key remains, and not a moment earlier",
    () => {
      forSeeds((seed) => {
        const spec = hitSpec({ boundary: boundaryOf(seed), latenessMillis: (seed % 3) * 250 })
        const events = history(seed, { events: 60, gap: 100, disorder: 500 })
        const { state } = run(spec, pieces(events, random(seed)), { ends: seed % 2 === 0 })
        const newest = Math.max(...events.map((event) => event.at))
        const keptUntil = newest + spec.reachMillis + spec.latenessMillis
        const [still] = Sessions.step(spec, state, [], keptUntil)
        const lasts = [...still.components.values()].flat().map((component) => component.last)
        assert.isAbove(lasts.length, 0)
        assert.deepStrictEqual(new Set(lasts), new Set([newest]))
        const [after] = Sessions.step(spec, still, [], keptUntil + 1)
        assert.strictEqual(after.components.size, 0)
        assert.strictEqual(after.timers.nextMillis(), Number.POSITIVE_INFINITY)
      })
    },
    timeout
  )
})

/** The events that got into a session, told by replaying one by one and watching the count. */
const acceptedOf = (
  changes: ReadonlyArray<HitChange>,
  events: ReadonlyArray<Hit>,
  spec: ReturnType<typeof hitSpec>
): ReadonlyMap<string, Hit> => {
  const accepted = new Map<string, Hit>()
  let state = Sessions.initial<number>()
  const again: Array<HitChange> = []
  for (const event of events) {
    const before = state.counts.accepted
    const [after, told] = Sessions.step(spec, state, [event])
    again.push(...told)
    if (after.counts.accepted > before) accepted.set(event.id, event)
    state = after
  }
  again.push(...Sessions.end(spec, state)[1])
  assert.deepStrictEqual(again, changes)
  return accepted
}
