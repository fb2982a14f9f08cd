import { assert, describe, it } from "@effect/vitest"
import {
  type Candidate,
  planAppend,
  recordBytes,
  TopicIndex,
  type TopicSettings
} from "@troupe/broker/backend"

const settings = (limits: Partial<TopicSettings> = {}): TopicSettings => ({
  name: "t",
  maxAgeMillis: undefined,
  maxBytes: undefined,
  maxRecords: undefined,
  maxRecordsPerSubject: undefined,
  maxRecordBytes: undefined,
  discard: "old",
  dedupeWindowMillis: 1_000,
  ...limits
})

const candidate = (subject: string, options: Partial<Candidate> = {}): Candidate => ({
  subject,
  data: new Uint8Array(10),
  headers: {},
  messageId: undefined,
  expectLast: undefined,
  expectLastOn: undefined,
  ttlMillis: undefined,
  rollup: false,
  schedule: undefined,
  ...options
})

/** A topic without a broker: plans, and takes in what is accepted. */
const topic = (limits: Partial<TopicSettings> = {}) => {
  const all = settings(limits)
  const index = new TopicIndex(all)
  const append = (
    candidates: ReadonlyArray<Candidate>,
    nowMillis = 1_000,
    atomic = candidates.length > 1
  ) => {
    const verdict = planAppend(index, all, candidates, { nowMillis, atomic })
    if (verdict.tag !== "Accepted") return verdict
    for (const record of verdict.records) index.append({ ...record, bytes: recordBytes(record) })
    return verdict.records.map((record) => record.sequence)
  }
  return { index, append }
}

const refusal = (verdict: ReturnType<ReturnType<typeof topic>["append"]>): string => {
  if (!("tag" in verdict) || verdict.tag !== "Refused")
    return assert.fail(`not refused: ${JSON.stringify(verdict)}`)
  return verdict.refusal.tag === "Rejected" ? verdict.refusal.cause : verdict.refusal.tag
}

describe("planAppend", () => {
  it("remembers an id for its window from the first append, which repeats do not refresh", () => {
    const { append } = topic()
    const again = candidate("a", { messageId: "m" })
    assert.deepStrictEqual(append([again], 1_000), [1])
    assert.deepStrictEqual(append([again], 1_999), { tag: "Duplicate", sequence: 1 })
    assert.deepStrictEqual(append([again], 2_000), [2])
    assert.deepStrictEqual(append([again], 2_999), { tag: "Duplicate", sequence: 2 })
  })

  it("forgets ids after their window, so that they take no room for ever", () => {
    const { append, index } = topic()
    for (let i = 0; i < 5_000; i++) append([candidate("a", { messageId: `m${i}` })], 1_000 + i)
    assert.isAtMost(index.ids.size, 1_001)
  })

  it("looks at the id before the expectation", () => {
    const { append } = topic()
    append([candidate("a", { messageId: "m", expectLast: 0 })])
    assert.deepStrictEqual(append([candidate("a", { messageId: "m", expectLast: 0 })]), {
      tag: "Duplicate",
      sequence: 1
    })
    assert.strictEqual(refusal(append([candidate("a", { messageId: "n", expectLast: 0 })])), "Conflict")
  })

  it("does not remember the id of an append that was refused", () => {
    const { append } = topic()
    append([candidate("a")])
    assert.strictEqual(refusal(append([candidate("a", { messageId: "m", expectLast: 7 })])), "Conflict")
    assert.deepStrictEqual(append([candidate("a", { messageId: "m", expectLast: 1 })]), [2])
  })

  it("checks another subject, and none that the group itself wrote before", () => {
    const { append } = topic()
    append([candidate("fence")])
    const fenced = (sequence: number) => candidate("a", { expectLastOn: { subject: "fence", sequence } })
    assert.deepStrictEqual(append([fenced(1)]), [2])
    assert.strictEqual(refusal(append([fenced(2)])), "Conflict")
    assert.strictEqual(refusal(append([candidate("fence"), fenced(1)])), "expectation")
    assert.strictEqual(refusal(append([candidate("b"), candidate("b", { expectLast: 0 })])), "expectation")
    assert.deepStrictEqual(append([fenced(1), candidate("fence")]), [3, 4])
  })

  it("takes a group whole or not at all, with no id twice and at most 1 000 records", () => {
    const { append, index } = topic()
    append([candidate("a", { messageId: "m" })])
    assert.strictEqual(refusal(append([candidate("b"), candidate("c", { messageId: "m" })])), "duplicate")
    const twice = [candidate("b", { messageId: "x" }), candidate("c", { messageId: "x" })]
    assert.strictEqual(refusal(append(twice)), "duplicate")
    assert.strictEqual(refusal(append(Array.from({ length: 1_001 }, () => candidate("b")))), "count")
    assert.strictEqual(index.lastSequence, 1)
    assert.deepStrictEqual(append([candidate("b", { messageId: "x" }), candidate("c")]), [2, 3])
  })

  it("rejects what no backend can keep, each with its cause", () => {
    const { append } = topic({ maxRecordBytes: 20 })
    const causes: ReadonlyArray<readonly [string, Candidate]> = [
      ["subject", candidate("a.*")],
      ["subject", candidate("")],
      ["size", candidate("a", { data: new Uint8Array(21) })],
      ["argument", candidate("a", { headers: { "a:b": "" } })],
      ["argument", candidate("a", { headers: { a: "1\n2" } })],
      ["argument", candidate("a", { headers: { "Nats-Msg-Id": "1" } })],
      ["argument", candidate("a", { messageId: "" })],
      ["argument", candidate("a", { ttlMillis: 999 })],
      ["argument", candidate("a", { expectLast: -1 })],
      ["argument", candidate("a", { expectLast: 0, expectLastOn: { subject: "b", sequence: 0 } })],
      ["expectation", candidate("a", { expectLastOn: { subject: "b.>", sequence: 0 } })]
    ]
    for (const [cause, one] of causes) assert.strictEqual(refusal(append([one])), cause)
    assert.deepStrictEqual(append([candidate("a", { data: new Uint8Array(20) })]), [1])
  })

  it("with discard reject refuses at a limit, but not what makes its own room", () => {
    const full = topic({ discard: "reject", maxRecords: 3, maxRecordsPerSubject: 2 })
    full.append([candidate("a"), candidate("a"), candidate("b")])
    assert.strictEqual(refusal(full.append([candidate("c")])), "limit")
    assert.deepStrictEqual(full.append([candidate("a")]), [4], "the third of a subject replaces its first")
    assert.strictEqual(refusal(full.append([candidate("a"), candidate("c")])), "limit")
    assert.deepStrictEqual(full.append([candidate("a", { rollup: true })]), [5], "a roll-up replaces two")
    assert.deepStrictEqual(full.append([candidate("c")]), [6])
    assert.strictEqual(full.index.records.count, 3)

    const size = recordBytes(candidate("a"))
    const heavy = topic({ discard: "reject", maxBytes: 3 * size })
    assert.strictEqual(refusal(heavy.append(["a", "a", "a", "a"].map((s) => candidate(s)))), "limit")
    assert.deepStrictEqual(heavy.append(["a", "a", "a"].map((s) => candidate(s))), [1, 2, 3])
    assert.strictEqual(refusal(heavy.append([candidate("b")])), "limit")
    assert.strictEqual(refusal(heavy.append([candidate("b", { data: new Uint8Array(100) })])), "size")
  })

  it("never gives a record an earlier time than the one before, also when the clock is set back", () => {
    const { append, index } = topic()
    append([candidate("a")], 5_000)
    append([candidate("a")], 4_000)
    assert.strictEqual(index.records.timeOf(2), 5_000)
  })
})
