import { assert, describe, it } from "@effect/vitest"
import { Sessions, SessionTable } from "../src/index.ts"
import { type Hit, hit, hitSpec, lines, only, run } from "./histories.ts"

const minute = 60_000

describe("the gap", () => {
  const at = (apart: number, boundary: "inclusive" | "exclusive") => {
    const spec = hitSpec({ gapMillis: 30 * minute, boundary })
    const events = [hit("a", 0), hit("a", apart)]
    const { changes } = run(spec, [events])
    assert.deepStrictEqual(
      SessionTable.ofChanges(changes),
      new Map(SessionTable.ofBatch(Sessions.batch(spec, events)))
    )
    return SessionTable.ofChanges(changes).size
  }

  it("inclusive: 30:00.000 apart is one session, 30:00.001 is two", () => {
    assert.strictEqual(at(30 * minute, "inclusive"), 1)
    assert.strictEqual(at(30 * minute + 1, "inclusive"), 2)
  })

  it("exclusive: 29:59.999 apart is one session, 30:00.000 is two", () => {
    assert.strictEqual(at(30 * minute - 1, "exclusive"), 1)
    assert.strictEqual(at(30 * minute, "exclusive"), 2)
  })
})

describe("closing", () => {
  it("waits until the watermark is past the last event and the gap, strictly", () => {
    const spec = hitSpec({ delayMillis: 10 })
    const [state, none] = Sessions.step(spec, Sessions.initial<number>(), [hit("a", 0), hit("b", 110)])
    // Watermark 100 = last + gap: an event of `a` at 100 could still come.
    assert.strictEqual(state.watermarkMillis, 100)
    assert.deepStrictEqual(lines(none), [])
    const [, some] = Sessions.step(spec, state, [hit("b", 111)])
    assert.deepStrictEqual(lines(some), ["Closed a 0..0 n1 r1 watermark"])
  })

  it("takes a watermark from outside after the chunk, and never a lower one", () => {
    const spec = hitSpec()
    const [state, some] = Sessions.step(spec, Sessions.initial<number>(), [hit("a", 0)], 101)
    assert.deepStrictEqual(lines(some), ["Closed a 0..0 n1 r1 watermark"])
    const [after] = Sessions.step(spec, state, [], 50)
    assert.strictEqual(after.watermarkMillis, 101)
  })

  it("goes by the last event, then by key, when one watermark closes several", () => {
    const spec = hitSpec()
    const { changes } = run(spec, [[hit("b", 0), hit("c", 0), hit("a", 0), hit("b", 50), hit("z", 1000)]], {
      ends: false
    })
    assert.deepStrictEqual(lines(changes), [
      "Closed a 0..0 n1 r1 watermark",
      "Closed c 0..0 n1 r1 watermark",
      "Closed b 0..50 n2 r1 watermark"
    ])
  })

  it("the end of the input closes everything that is open, and a later event may go on", () => {
    const spec = hitSpec()
    const first = run(spec, [[hit("a", 0), hit("b", 20)]])
    assert.deepStrictEqual(lines(first.changes), ["Closed a 0..0 n1 r1 end", "Closed b 20..20 n1 r1 end"])
    const second = run(spec, [[hit("a", 60)]], { state: first.state })
    assert.deepStrictEqual(lines(second.changes), ["Corrected a 0..60 n2 r2 end"])
    assert.deepStrictEqual(lines(run(spec, [], { state: second.state }).changes), [])
  })
})

describe("events out of order", () => {
  it("an event between two open sessions makes them one, with nothing to take back", () => {
    const spec = hitSpec({ delayMillis: 1000 })
    const { changes } = run(spec, [[hit("a", 0), hit("a", 200), hit("a", 100)]])
    assert.deepStrictEqual(lines(changes), ["Closed a 0..200 n3 r1 end"])
  })

  it("an event between two closed sessions corrects the first and retracts the second into it", () => {
    const spec = hitSpec()
    const { changes } = run(spec, [[hit("a", 0), hit("a", 200), hit("z", 500), hit("a", 100)]], {
      ends: false
    })
    assert.deepStrictEqual(lines(changes), [
      "Closed a 0..0 n1 r1 watermark",
      "Closed a 200..200 n1 r1 watermark",
      "Retracted a r2 merged",
      "Corrected a 0..200 n3 r2 watermark"
    ])
    const [first, second] = only(changes, "Closed")
    const [retracted] = only(changes, "Retracted")
    assert.strictEqual(retracted?.sessionId, second?.sessionId)
    assert.strictEqual(retracted?.into, first?.sessionId)
  })

  it("an earlier event gives the session another id, and the old one is retracted into it", () => {
    const spec = hitSpec()
    const { changes } = run(spec, [[hit("a", 100), hit("z", 500), hit("a", 50)]], { ends: false })
    assert.deepStrictEqual(lines(changes), [
      "Closed a 100..100 n1 r1 watermark",
      "Retracted a r2 merged",
      "Corrected a 50..100 n2 r2 watermark"
    ])
  })

  it("a late event that opens a session again is told when it closes again", () => {
    const spec = hitSpec()
    const { changes } = run(
      spec,
      [[hit("a", 0), hit("z", 150), hit("a", 90), hit("a", 180), hit("z", 400)]],
      {
        ends: false
      }
    )
    assert.deepStrictEqual(lines(changes), [
      "Closed a 0..0 n1 r1 watermark",
      "Closed z 150..150 n1 r1 watermark",
      "Corrected a 0..180 n3 r2 watermark"
    ])
  })

  it("an event between a closed session and an open one retracts nothing: the open one was never told", () => {
    const spec = hitSpec()
    const { changes } = run(spec, [[hit("a", 0), hit("a", 150), hit("a", 80)]])
    assert.deepStrictEqual(lines(changes), ["Closed a 0..0 n1 r1 watermark", "Corrected a 0..150 n3 r2 end"])
  })

  it("what was told and is retracted while its session is open again is told there at once", () => {
    const spec = hitSpec()
    const { changes, state } = run(spec, [[hit("a", 0), hit("a", 150)]])
    assert.deepStrictEqual(lines(run(spec, [[hit("a", 80)]], { state, ends: false }).changes), [
      "Retracted a r2 merged",
      "Corrected a 0..150 n3 r2 null"
    ])
    assert.strictEqual(only(changes, "Closed").length, 2)
    assert.deepStrictEqual(lines(run(spec, [], { state }).changes), ["Corrected a 0..150 n3 r3 end"])
  })

  it("order inside a session is time, then event id, whatever came first", () => {
    const spec = hitSpec({ delayMillis: 1000 })
    const events: ReadonlyArray<Hit> = [
      { id: "c", key: "a", at: 10, value: 3 },
      { id: "b", key: "a", at: 10, value: 2 },
      { id: "a", key: "a", at: 5, value: 1 },
      { id: "d", key: "a", at: 10, value: 4 }
    ]
    const { changes } = run(spec, [events])
    const [closed] = only(changes, "Closed")
    assert.deepStrictEqual(closed?.result.path, [1, 2, 3, 4])
  })

  it("sums of fractions agree with batch to the last bit", () => {
    const spec = hitSpec({ delayMillis: 1000 })
    const values = [0.1, 0.2, 0.3, 1e16, -1e16, 0.7]
    const events = values.map((value, i): Hit => ({ id: `e${i}`, key: "a", at: i * 10, value }))
    const { changes } = run(spec, [[...events].reverse()])
    const [closed] = only(changes, "Closed")
    assert.strictEqual(closed?.result.total, Sessions.batch(spec, events)[0]?.result.total)
    assert.strictEqual(
      closed?.result.total,
      values.reduce((sum, value) => sum + value, 0)
    )
  })
})

describe("lateness", () => {
  const spec = hitSpec({ latenessMillis: 500 })

  it("a lone event is in time up to the lateness behind the watermark, and late 1 ms after", () => {
    assert.deepStrictEqual(lines(run(spec, [[hit("z", 1000), hit("a", 500)]], { ends: false }).changes), [
      "Closed a 500..500 n1 r1 watermark"
    ])
    assert.deepStrictEqual(lines(run(spec, [[hit("z", 1000), hit("a", 499)]], { ends: false }).changes), [
      "Late a 499 w1000 beyondLateness"
    ])
  })

  it("an event that a kept session reaches is in time, however old it is by itself", () => {
    const { changes } = run(spec, [[hit("a", 900), hit("z", 1450), hit("a", 820)]], { ends: false })
    assert.deepStrictEqual(lines(changes), [
      "Closed a 900..900 n1 r1 watermark",
      "Retracted a r2 merged",
      "Corrected a 820..900 n2 r2 watermark"
    ])
  })

  it("an event that may have joined a forgotten session is late, even where a kept one reaches it", () => {
    const events = [hit("a", 0), hit("a", 190), hit("z", 650), hit("a", 95)]
    const { changes, state } = run(spec, [events], { ends: false })
    // The session at 0 was forgotten at 601; joining 95 to 190 alone would make half a session.
    assert.deepStrictEqual(lines(changes), [
      "Closed a 0..0 n1 r1 watermark",
      "Closed a 190..190 n1 r1 watermark",
      "Late a 95 w650 beyondLateness"
    ])
    assert.strictEqual(state.counts.late, 1)
  })

  it("a late change names the event, the watermark and the reason", () => {
    const { changes } = run(spec, [[hit("z", 1000), hit("a", 1, "old")]], { ends: false })
    assert.deepStrictEqual(changes, [
      {
        _tag: "Late",
        key: "a",
        eventId: "old",
        timeMillis: 1,
        value: 0.1,
        watermarkMillis: 1000,
        reason: "beyondLateness"
      }
    ])
  })
})

describe("duplicates", () => {
  it("the same event id in a kept session is ignored exactly, open or closed", () => {
    const spec = hitSpec()
    const once = [hit("a", 0), hit("a", 50), hit("z", 300)]
    const twice = [
      hit("a", 0),
      hit("a", 0),
      hit("a", 50),
      hit("a", 0),
      hit("a", 50),
      hit("z", 300),
      hit("a", 50)
    ]
    const { changes, state } = run(spec, [twice])
    assert.deepStrictEqual(changes, run(spec, [once]).changes)
    assert.strictEqual(state.counts.duplicates, 4)
    assert.strictEqual(state.counts.accepted, 3)
  })

  it("in a session of many events too", () => {
    const spec = hitSpec()
    const events = Array.from({ length: 200 }, (_, i) => hit("a", i))
    const { changes, state } = run(spec, [events.flatMap((event) => [event, event]), events])
    assert.strictEqual(state.counts.duplicates, 400)
    assert.deepStrictEqual(lines(changes), ["Closed a 0..199 n200 r1 end"])
  })

  it("two events with equal content and other ids are two", () => {
    const { changes } = run(hitSpec(), [[hit("a", 0, "x"), hit("a", 0, "y")]])
    assert.deepStrictEqual(lines(changes), ["Closed a 0..0 n2 r1 end"])
  })
})

describe("events without a session", () => {
  it("an event without a key is counted and skipped: it does not move the watermark", () => {
    const spec = hitSpec()
    const { changes, state } = run(spec, [[hit("a", 0), hit(null, 10_000)]], { ends: false })
    assert.deepStrictEqual(lines(changes), [])
    assert.strictEqual(state.counts.nullKey, 1)
    assert.strictEqual(state.watermarkMillis, 0)
  })

  it("an event too far ahead of its append time is quarantined and does not move the watermark", () => {
    const spec = hitSpec({ appendMillis: () => 1000, maxFutureMillis: 50 })
    const events = [hit("a", 1000), hit("a", 1050), hit("a", 1051)]
    const { changes, state } = run(spec, [events])
    assert.deepStrictEqual(lines(changes), ["Quarantined a future n1", "Closed a 1000..1050 n2 r1 end"])
    assert.strictEqual(state.watermarkMillis, 1050)
    assert.strictEqual(Sessions.batch(spec, events)[0]?.events, 2)
  })

  it("an event whose time is no whole number of milliseconds is quarantined", () => {
    const spec = hitSpec()
    const { changes, state } = run(spec, [[hit("a", Number.NaN, "x"), hit("a", 1.5, "y")]])
    assert.deepStrictEqual(lines(changes), ["Quarantined a time n1", "Quarantined a time n1"])
    assert.strictEqual(state.counts.quarantined, 2)
    assert.deepStrictEqual(Sessions.batch(spec, [hit("a", Number.NaN)]), [])
  })

  it("an event of a robot is quarantined before it gets a session", () => {
    const spec = hitSpec({ isBot: (event) => event.id.startsWith("bot") })
    const { changes } = run(spec, [[hit("a", 0, "bot-1"), hit("a", 10)]])
    assert.deepStrictEqual(lines(changes), ["Quarantined a bot n1", "Closed a 10..10 n1 r1 end"])
  })

  it("a session of more events than the cap is quarantined whole, live and in batch", () => {
    const spec = hitSpec({ maxEvents: 3 })
    const events = [0, 10, 20, 30, 40].map((at) => hit("a", at))
    const { changes, state } = run(spec, [[...events.slice(0, 3), ...events, hit("a", 500)]])
    assert.deepStrictEqual(lines(changes), ["Quarantined a cap n4", "Closed a 500..500 n1 r1 end"])
    assert.deepStrictEqual(state.counts, { accepted: 1, duplicates: 3, late: 0, nullKey: 0, quarantined: 5 })
    assert.deepStrictEqual(
      Sessions.batch(spec, [...events, hit("a", 500)]).map(({ startMillis }) => startMillis),
      [500]
    )
  })

  it("a session that was told and grows over the cap is retracted", () => {
    const spec = hitSpec({ maxEvents: 2 })
    const { changes } = run(spec, [[hit("a", 0), hit("a", 50), hit("z", 300), hit("a", 20), hit("a", 60)]])
    assert.deepStrictEqual(lines(changes), [
      "Closed a 0..50 n2 r1 watermark",
      "Retracted a r2 gone",
      "Quarantined a cap n3",
      "Closed z 300..300 n1 r1 end"
    ])
    assert.deepStrictEqual(
      [...SessionTable.ofChanges(changes).values()].map(({ key }) => key),
      ["z"]
    )
  })
})

describe("early", () => {
  it("tells of a session when it begins, and takes that back when it turns out part of another", () => {
    const spec = hitSpec({ early: true, delayMillis: 1000 })
    const { changes } = run(spec, [[hit("a", 0), hit("a", 200), hit("a", 100)]])
    assert.deepStrictEqual(lines(changes), [
      "Opened a 0..0 n1 r1 null",
      "Opened a 200..200 n1 r1 null",
      "Retracted a r2 merged",
      "Closed a 0..200 n3 r2 end"
    ])
  })
})
