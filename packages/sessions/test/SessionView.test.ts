import { assert, describe, it } from "@effect/vitest"
import { ChunkLaw, TableDigest } from "@troupe/views"
import { count, firstSeed } from "@troupe/vitest/counts"
import { Control, Sessions, SessionTable, type ViewRecord } from "../src/index.ts"
import { type Hit, history, hit, hitSpec, lines, random } from "./histories.ts"

const view = (options: Parameters<typeof hitSpec>[0] = {}, version = 1) =>
  Sessions.view({
    name: "visits",
    version,
    spec: hitSpec({ maxFutureMillis: Number.POSITIVE_INFINITY, ...options }),
    decode: ({ data }) => JSON.parse(new TextDecoder().decode(data)) as Hit
  })

const record = (sequence: number, content: Hit | Control.Control, timeMillis = 0): ViewRecord => ({
  sequence,
  subject: "p.0",
  timeMillis,
  headers: "_tag" in content ? Control.toHeaders(content) : {},
  data: "_tag" in content ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(content))
})

describe("Sessions.view", () => {
  it("tells the same whatever the chunks, control records included", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 40, long: 500 }); seed++) {
      const next = random(seed)
      const events: Array<Hit | Control.Control> = []
      for (const event of history(seed, { events: 80, gap: 100, disorder: 400 })) {
        events.push(event)
        if (next() < 0.05) events.push({ _tag: "Heartbeat", timeMillis: event.at + Math.floor(next() * 300) })
      }
      events.push({ _tag: "EndOfInput" })
      const records = events.map((content, index) => record(index + 1, content))
      const broken = ChunkLaw.check(view({ latenessMillis: 200 }), records, {
        partition: 0,
        cuts: [[1], [2, 7, 1], [50]]
      })
      assert.isUndefined(broken, `seed ${seed}`)
    }
  })

  it("its table is batch's, row by row and in its digest", () => {
    const spec = hitSpec({ latenessMillis: 10_000, maxFutureMillis: Number.POSITIVE_INFINITY })
    const events = history(3, { events: 150, gap: 100, disorder: 400 })
    const records = [...events, { _tag: "EndOfInput" } as const].map((content, i) => record(i + 1, content))
    const folded = view({ latenessMillis: 10_000 }).fold(Sessions.initial(), records, 0)
    const table = SessionTable.ofChanges(folded.outputs)
    const truth = SessionTable.ofBatch(Sessions.batch(spec, events))
    assert.isAbove(truth.size, 10)
    assert.deepStrictEqual(TableDigest.canonical(table), TableDigest.canonical(truth))
  })

  it("a heartbeat moves the watermark of an idle partition, the end of the input closes what is open", () => {
    const { fold } = view({ delayMillis: 10 })
    const { outputs, state } = fold(
      Sessions.initial(),
      [
        record(1, hit("a", 0)),
        record(2, { _tag: "Heartbeat", timeMillis: 110 }),
        record(3, { _tag: "Heartbeat", timeMillis: 111 }),
        record(4, hit("b", 90)),
        record(5, { _tag: "EndOfInput" })
      ],
      0
    )
    assert.deepStrictEqual(lines(outputs), ["Closed a 0..0 n1 r1 watermark", "Closed b 90..90 n1 r1 end"])
    assert.strictEqual(state.watermarkMillis, 101)
  })

  it("an event ahead of its record's append time is quarantined", () => {
    const { fold } = view({ maxFutureMillis: 50 })
    const { outputs } = fold(
      Sessions.initial(),
      [record(1, hit("a", 1051), 1000), record(2, hit("a", 1050), 1000)],
      0
    )
    assert.deepStrictEqual(lines(outputs), ["Quarantined a future n1"])
  })

  it("skips a record that decodes to nothing", () => {
    const none = Sessions.view({
      name: "none",
      version: 1,
      spec: hitSpec(),
      decode: (): Hit | undefined => undefined
    })
    const { outputs, state } = none.fold(Sessions.initial(), [record(1, hit("a", 0))], 0)
    assert.deepStrictEqual(outputs, [])
    assert.strictEqual(state.components.size, 0)
  })

  it("has another digest for every number that sessions depend on", () => {
    const digests = [
      view(),
      view({ gapMillis: 101 }),
      view({ boundary: "exclusive" }),
      view({ delayMillis: 1 }),
      view({ latenessMillis: 1001 }),
      view({ maxFutureMillis: 1 }),
      view({ maxEvents: 7 }),
      view({ early: true }),
      view({}, 2)
    ].map(({ digest }) => digest)
    assert.strictEqual(new Set(digests).size, digests.length)
    assert.strictEqual(view().digest, digests[0])
  })
})

describe("Control", () => {
  it("comes back from its headers", () => {
    for (const control of [{ _tag: "EndOfInput" }, { _tag: "Heartbeat", timeMillis: 12 }] as const) {
      assert.deepStrictEqual(Control.ofHeaders(Control.toHeaders(control)), control)
    }
    assert.isUndefined(Control.ofHeaders({ other: "1" }))
  })

  it("refuses what it does not know, instead of taking it for an event", () => {
    assert.throws(() => Control.ofHeaders({ control: "stop" }), TypeError, /"stop"/)
    assert.throws(() => Control.ofHeaders({ control: "heartbeat" }), TypeError)
    assert.throws(
      () => Control.ofHeaders({ control: "heartbeat", "control-time": "soon" }),
      TypeError,
      /"soon"/
    )
  })
})
