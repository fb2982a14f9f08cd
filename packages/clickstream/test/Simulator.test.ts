import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ClickEvent, merchandiseShop, Simulator } from "../src/index.ts"

const all = (options: Simulator.SimulatorOptions) => [...Simulator.events(options)]
const content = ({ row: _row, ...event }: ClickEvent) => event
const hour = 3_600_000

describe("Simulator", () => {
  it("gives the same events for the same seed, and others for another", () => {
    const options = { seed: 42, sessions: 300, startMillis: 0 }
    assert.deepStrictEqual(all(options), all(options))
    assert.notDeepEqual(all(options), all({ ...options, seed: 43 }))
  })

  it("never changes what a seed means: a stored simulation can be made again", () => {
    const [first, , , fourth] = all({ seed: 1, events: 4 })
    assert.deepStrictEqual(first?.eventId, "3b9e1ba1f1f01ceb:1")
    assert.deepStrictEqual(fourth?.row, 4)
  })

  it("comes in event time, with rows 1, 2, 3 … and ids that are unique", () => {
    const events = all({ seed: 7, sessions: 2000 })
    events.forEach((event, index) => {
      assert.strictEqual(event.row, index + 1)
      if (index > 0) assert.isAtLeast(event.timeMillis, events[index - 1]?.timeMillis ?? 0)
    })
    assert.strictEqual(new Set(events.map(({ eventId }) => eventId)).size, events.length)
  })

  it("makes events of the schema", () => {
    const decode = Schema.decodeUnknownSync(ClickEvent)
    for (const event of all({ seed: 5, sessions: 200 })) assert.deepStrictEqual(decode(event), event)
  })

  it("runs sessions beside each other", () => {
    const events = all({ seed: 7, sessions: 2000, sessionsPerDay: 20_000 })
    const switches = events.filter(
      (event, index) => index > 0 && event.sessionIdHash !== events[index - 1]?.sessionIdHash
    )
    assert.isAbove(switches.length, events.length / 2)
  })

  it("is endless, in bounded chunks, unless it is bounded", () => {
    let chunks = 0
    for (const chunk of Simulator.chunks({ seed: 1 }, 100)) {
      assert.strictEqual(chunk.length, 100)
      if (++chunks === 50) break
    }
    assert.strictEqual(all({ seed: 1, events: 123 }).length, 123)
    assert.strictEqual(new Set(all({ seed: 1, sessions: 77 }).map((event) => event.sessionIdHash)).size, 77)
  })

  it("goes on at any row as if it had gone on", () => {
    const disorder = { fraction: 0.2, minDelayMillis: 0, maxDelayMillis: hour }
    for (const options of [
      { seed: 3, sessions: 100 },
      { seed: 3, sessions: 100, outOfOrder: disorder, duplicates: disorder }
    ]) {
      const whole = all(options)
      for (const fromRow of [1, 2, 57, whole.length, whole.length + 1]) {
        assert.deepStrictEqual(all({ ...options, fromRow }), whole.slice(fromRow - 1))
      }
    }
  })

  it.effect("is a stream of the same events", () =>
    Effect.gen(function* () {
      const options = { seed: 11, sessions: 50 }
      assert.deepStrictEqual(yield* Stream.runCollect(Simulator.stream(options, 16)), all(options))
    })
  )

  it("delays and doubles events without changing them", () => {
    const plain = all({ seed: 9, sessions: 3000 })
    const options = {
      seed: 9,
      sessions: 3000,
      outOfOrder: { fraction: 0.1, minDelayMillis: 1, maxDelayMillis: 60_000 },
      late: { fraction: 0.01, minDelayMillis: 2 * hour, maxDelayMillis: 4 * hour },
      duplicates: { fraction: 0.05, minDelayMillis: 1, maxDelayMillis: 5000 }
    }
    const messy = all(options)
    assert.deepStrictEqual(
      messy.map(({ row }) => row),
      messy.map((_, index) => index + 1)
    )
    const firsts = new Map(messy.map((event) => [event.eventId, content(event)]))
    assert.deepStrictEqual(
      plain.map(content),
      plain.map(({ eventId }) => firsts.get(eventId))
    )
    const share = (count: number) => count / plain.length
    assert.closeTo(share(messy.length - plain.length), 0.05, 0.015)
    let newest = 0
    let behind = 0
    let farBehind = 0
    for (const { timeMillis } of messy) {
      if (timeMillis < newest) behind++
      if (timeMillis < newest - 1.5 * hour) farBehind++
      newest = Math.max(newest, timeMillis)
    }
    assert.isAbove(share(behind), 0.05)
    assert.closeTo(share(farBehind), 0.01, 0.006)
  })

  it("never stays silent inside a session for 30 minutes", () => {
    const last = new Map<string, number>()
    for (const { sessionIdHash, timeMillis } of all({ seed: 2, sessions: 3000 })) {
      const before = last.get(sessionIdHash)
      if (before !== undefined) {
        assert.isBelow(timeMillis - before, 30 * 60_000)
        assert.isAbove(timeMillis, before)
      }
      last.set(sessionIdHash, timeMillis)
    }
  })

  it("refuses a shop that nobody ever visits", () => {
    assert.throws(() => all({ seed: 1, sessionsPerDay: 0, sessions: 1 }), RangeError, /above 0/)
  })
})

describe("the simulated shop", () => {
  const events = all({ seed: 2026, sessions: 40_000, conversion: 0.1 })
  const sessions = Map.groupBy(events, ({ sessionIdHash }) => sessionIdHash)

  it("converts as often as it is told, and its chains are those of the profile", () => {
    const buyers = [...sessions.values()].filter((session) => session.some(({ symbol }) => symbol === 5))
    assert.closeTo(buyers.length / sessions.size, 0.1, 0.01)
    const counts = Array.from({ length: 7 }, () => Array.from({ length: 7 }, () => 0))
    const add = (from: number, to: number) => {
      const row = counts[from] as Array<number>
      row[to] = (row[to] ?? 0) + 1
    }
    for (const session of sessions.values()) {
      if (session.some(({ symbol }) => symbol === 5)) continue
      const path = session.map(({ symbol }) => symbol)
      path.forEach((symbol, i) => {
        add(i === 0 ? 0 : (path[i - 1] ?? 0), symbol)
      })
      add(path[path.length - 1] ?? 0, 0)
    }
    for (const from of [0, 1, 2, 3, 6]) {
      const total = (counts[from] ?? []).reduce((sum, n) => sum + n, 0)
      const weights = merchandiseShop.browsing[from] ?? []
      const sum = weights.reduce((all: number, weight: number) => all + weight, 0)
      weights.forEach((weight, to) => {
        // Four standard deviations.
        const share = weight / sum
        const tolerance = 4 * Math.sqrt((share * (1 - share)) / total) + 1e-9
        assert.closeTo((counts[from]?.[to] ?? 0) / total, share, tolerance, `${from} → ${to}`)
      })
    }
  })

  it("has the gaps of the profile's quantiles", () => {
    const gaps: Array<number> = []
    for (const session of sessions.values()) {
      session.forEach((event, i) => {
        if (i > 0) gaps.push(event.timeMillis - (session[i - 1]?.timeMillis ?? 0))
      })
    }
    gaps.sort((a, b) => a - b)
    for (const [share, millis] of merchandiseShop.gapQuantiles) {
      if (share < 0.25 || share === 1) continue
      assert.closeTo((gaps[Math.floor(share * gaps.length)] ?? 0) / millis, 1, 0.05, `quantile ${share}`)
    }
  })

  it("follows the hours of the day", () => {
    const starts = Array.from({ length: 24 }, () => 0)
    for (const session of sessions.values()) {
      const at = Math.floor((session[0]?.timeMillis ?? 0) / hour) % 24
      starts[at] = (starts[at] ?? 0) + 1
    }
    const weight = merchandiseShop.hours.reduce((sum, n) => sum + n, 0)
    // The run ends within a day: the last, incomplete one may shift a share by a few per cent.
    starts.forEach((count, at) => {
      assert.closeTo(
        count / sessions.size / ((merchandiseShop.hours[at] ?? 0) / weight),
        1,
        0.2,
        `hour ${at}`
      )
    })
  })

  it("some shoppers come back", () => {
    const keys = new Set([...sessions.values()].map((session) => session[0]?.key))
    assert.closeTo(1 - keys.size / sessions.size, 0.09, 0.01)
  })
})
