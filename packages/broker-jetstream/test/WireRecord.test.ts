import { assert, describe, it } from "@effect/vitest"
import { MsgHdrsImpl } from "@nats-io/transport-node"
import type { Candidate } from "@troupe/broker/backend"
import { toHeaders, toMark, toRecord } from "../src/WireRecord.ts"

const candidate: Candidate = {
  subject: "s",
  data: new Uint8Array(0),
  headers: {},
  messageId: undefined,
  expectLast: undefined,
  expectLastOn: undefined,
  ttlMillis: undefined,
  rollup: false,
  schedule: undefined
}
const full = (subject: string) => `app.t.${subject}`

/** Through the bytes that go over the wire. */
const stored = (change: Partial<Candidate>) => {
  const headers = toHeaders({ ...candidate, ...change }, full) as MsgHdrsImpl | undefined
  const decoded = headers === undefined ? undefined : MsgHdrsImpl.decode(headers.encode())
  return toRecord(1, "s", 2, decoded, candidate.data)
}

describe("WireRecord", () => {
  it("a record without extras has no headers at all", () => {
    assert.isUndefined(toHeaders(candidate, full))
    assert.deepStrictEqual(stored({}), {
      sequence: 1,
      subject: "s",
      timeMillis: 2,
      headers: {},
      data: candidate.data
    })
  })

  it("headers and id come back as they were; what is for the server does not", () => {
    for (const headers of [
      { a: "1", A: "2", "x!#$%&'*+-.^_`|~": "y: z" },
      { a: " leads", b: "trails\t", c: "" },
      { "Troupe-Headers": "{}" },
      { a: "\u00a0" }
    ]) {
      const record = stored({ headers, messageId: "m-1", expectLast: 4, ttlMillis: 1_000, rollup: true })
      assert.deepStrictEqual(record.headers, headers)
      assert.strictEqual(record.messageId, "m-1")
    }
  })

  it("checks, times to live and roll-ups are what NATS calls them", () => {
    const wire = toHeaders(
      { ...candidate, expectLastOn: { subject: "fence", sequence: 7 }, ttlMillis: 1_001, rollup: true },
      full
    )
    assert.strictEqual(wire?.get("Nats-Expected-Last-Subject-Sequence"), "7")
    assert.strictEqual(wire?.get("Nats-Expected-Last-Subject-Sequence-Subject"), "app.t.fence")
    assert.strictEqual(wire?.get("Nats-TTL"), "2s", "never early: whole seconds, rounded up")
    assert.strictEqual(wire?.get("Nats-Rollup"), "sub")
    assert.strictEqual(
      toHeaders({ ...candidate, expectLast: 0 }, full)?.get("Nats-Expected-Last-Subject-Sequence"),
      "0"
    )
  })

  it("reads both shapes of reply subject, and times without rounding them up", () => {
    const mark = {
      deliveries: 2,
      sequence: 11,
      consumerSequence: 5,
      timeMillis: 1_795_393_605_256,
      pending: 3
    }
    assert.deepStrictEqual(toMark("$JS.ACK.app=t.c.2.11.5.1795393605256999999.3"), mark)
    assert.deepStrictEqual(toMark("$JS.ACK.hub.ACCT.app=t.c.2.11.5.1795393605256999999.3.tok"), mark)
    assert.deepStrictEqual(toMark("$JS.ACK._.ACCT.app=t.c.2.11.5.1795393605256999999.3"), mark)
  })
})
