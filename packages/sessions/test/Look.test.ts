import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import { Look, Sessions } from "../src/index.ts"
import { type Hit, history, hit, hitSpec } from "./histories.ts"

const seeds = Array.from({ length: count({ quick: 100, long: 1000 }) }, (_, i) => firstSeed() + i)

describe("looking at sessions between steps", () => {
  it("shows after each event what batch says of the accepted events so far", () => {
    for (const seed of seeds) {
      const spec = hitSpec({ latenessMillis: 700, early: seed % 2 === 0 })
      const events = history(seed, { events: 60, gap: 100, disorder: 700 })
      let state = Sessions.initial<number>()
      const accepted: Array<Hit> = []
      for (const event of events) {
        const before = state.counts.accepted
        state = Sessions.step(spec, state, [event])[0]
        if (state.counts.accepted === before) continue
        accepted.push(event)
        const seen = Look.at(spec, state, event.key as string, event.at)
        const session = Sessions.batch(spec, accepted).find(
          ({ key, lastMillis, startMillis }) =>
            key === event.key && startMillis <= event.at && event.at <= lastMillis
        )
        assert.isDefined(session, `seed ${seed}`)
        assert.strictEqual(seen?.sessionId, session?.sessionId, `seed ${seed}`)
        assert.deepStrictEqual(spec.fold.done(seen?.folding), session?.result, `seed ${seed}`)
        assert.strictEqual(seen?.entries.length, session?.events, `seed ${seed}`)
      }
      const known = Array.from(Look.all(spec, state), ({ sessionId }) => sessionId)
      assert.strictEqual(new Set(known).size, known.length, `seed ${seed}`)
    }
  })

  it("shows nothing where no session is, nor one that was given up", () => {
    const spec = hitSpec({ maxEvents: 2 })
    const [state] = Sessions.step(spec, Sessions.initial<number>(), [
      hit("k", 1000),
      hit("k", 1010),
      hit("k", 1500)
    ])
    assert.strictEqual(Look.at(spec, state, "k", 1005)?.entries.length, 2)
    assert.isUndefined(Look.at(spec, state, "k", 1200))
    assert.isUndefined(Look.at(spec, state, "k", 900))
    assert.isUndefined(Look.at(spec, state, "other", 1000))
    const [after] = Sessions.step(spec, state, [hit("k", 1020)])
    assert.isUndefined(Look.at(spec, after, "k", 1005))
    assert.strictEqual([...Look.all(spec, after)].length, 1)
  })

  it("folds afresh after a refold", () => {
    const spec = hitSpec()
    const [state] = Sessions.step(spec, Sessions.initial<number>(), [hit("k", 1000), hit("k", 1010)])
    const before = Look.at(spec, state, "k", 1000)?.folding
    assert.strictEqual(Look.at(spec, state, "k", 1000)?.folding, before)
    Look.refold(state)
    const doubled = hitSpec({
      fold: { ...spec.fold, done: (folding) => ({ ...spec.fold.done(folding), total: -1 }) }
    })
    const after = Look.at(doubled, state, "k", 1000)?.folding
    assert.notStrictEqual(after, before)
    assert.deepStrictEqual(doubled.fold.done(after).path, spec.fold.done(before).path)
  })
})
