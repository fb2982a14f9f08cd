import { assert, describe, it } from "@effect/vitest"
import { TopicCursor, TopicIndex, type TopicSettings } from "@troupe/broker/backend"
import { matcher } from "../../src/Subject.ts"
import { type Draw, forEachSeed } from "./Seeded.ts"

interface Model {
  readonly sequence: number
  readonly subject: string
  readonly timeMillis: number
  readonly bytes: number
  readonly expiresMillis: number
}

const settingsFrom = (draw: Draw): TopicSettings => ({
  name: "t",
  maxAgeMillis: draw.chance(0.3) ? 500 + draw.int(2_000) : undefined,
  maxBytes: draw.chance(0.3) ? 2_000 + draw.int(20_000) : undefined,
  maxRecords: draw.chance(0.3) ? 5 + draw.int(1_500) : undefined,
  maxRecordsPerSubject: draw.chance(0.3) ? 1 + draw.int(4) : undefined,
  maxRecordBytes: undefined,
  discard: "old",
  dedupeWindowMillis: 1_000
})

const filtersFrom = (draw: Draw): ReadonlyArray<string> | undefined =>
  draw.pick<ReadonlyArray<string> | undefined>([
    undefined,
    [">"],
    ["a.1"],
    ["a.1", "b.2"],
    ["a.*"],
    ["*.1", "b.>"],
    ["once.7"],
    ["nothing"]
  ])

/** The same rules, said slowly: an array that is filtered. */
class SlowIndex {
  records: Array<Model> = []
  last = 0
  readonly settings: TopicSettings

  constructor(settings: TopicSettings) {
    this.settings = settings
  }

  append(record: Model, rollup: boolean): void {
    this.last = record.sequence
    this.records.push(record)
    const perSubject = rollup ? 1 : (this.settings.maxRecordsPerSubject ?? Number.POSITIVE_INFINITY)
    const same = this.records.filter((r) => r.subject === record.subject)
    const dropped = new Set(same.slice(0, Math.max(0, same.length - perSubject)))
    this.records = this.records.filter((r) => !dropped.has(r))
    const { maxBytes = Number.POSITIVE_INFINITY, maxRecords = Number.POSITIVE_INFINITY } = this.settings
    while (this.records.length > maxRecords || this.bytes() > maxBytes) this.records.shift()
  }

  bytes(): number {
    return this.records.reduce((sum, r) => sum + r.bytes, 0)
  }

  expire(nowMillis: number): void {
    const age = this.settings.maxAgeMillis ?? Number.POSITIVE_INFINITY
    this.records = this.records.filter((r) => r.timeMillis + age > nowMillis && r.expiresMillis > nowMillis)
  }

  purge(filter: string | undefined, below: number, keep: number): number {
    const matches = matcher(filter === undefined ? undefined : [filter])
    const chosen = this.records.filter((r) => matches(r.subject) && r.sequence < below)
    const gone = new Set(chosen.slice(0, Math.max(0, chosen.length - keep)))
    this.records = this.records.filter((r) => !gone.has(r))
    return gone.size
  }
}

const run = (draw: Draw): void => {
  const settings = settingsFrom(draw)
  const removed: Array<number> = []
  const index = new TopicIndex(settings, (sequence) => removed.push(sequence))
  const slow = new SlowIndex(settings)
  const cursors = Array.from({ length: 4 }, () => {
    const filters = filtersFrom(draw)
    return { cursor: new TopicCursor(index, filters, 1), wants: matcher(filters), position: 1 }
  })
  let nowMillis = 1_000
  const steps = draw.chance(0.2) ? 4_000 : 300

  for (let step = 0; step < steps; step++) {
    nowMillis += draw.int(30)
    const action = draw.int(100)
    if (action < 70) {
      const subject = draw.chance(0.2) ? `once.${draw.int(200)}` : `${draw.pick(["a", "b"])}.${draw.int(4)}`
      const record = {
        sequence: index.lastSequence + 1,
        subject,
        timeMillis: nowMillis,
        bytes: 10 + draw.int(90)
      }
      const ttlMillis = draw.chance(0.1) ? 100 + draw.int(2_000) : undefined
      const rollup = draw.chance(0.05)
      index.append({ ...record, ttlMillis, rollup })
      slow.append({ ...record, expiresMillis: nowMillis + (ttlMillis ?? Number.POSITIVE_INFINITY) }, rollup)
    } else if (action < 78) {
      const sequence = 1 + draw.int(index.lastSequence + 1)
      const had = slow.records.some((r) => r.sequence === sequence)
      assert.strictEqual(index.remove(sequence), had)
      slow.records = slow.records.filter((r) => r.sequence !== sequence)
    } else if (action < 80) {
      const filter = draw.pick([undefined, "a.*", "b.1", "once.>"])
      const below = draw.chance(0.5) ? draw.int(index.lastSequence + 2) : undefined
      const keep = draw.chance(0.5) ? draw.int(5) : undefined
      const expected = slow.purge(filter, below ?? Number.POSITIVE_INFINITY, keep ?? 0)
      assert.strictEqual(index.purge({ filter, below, keep }), expected)
    } else if (action < 85) {
      index.expire(nowMillis)
      slow.expire(nowMillis)
    } else {
      const one = draw.pick(cursors)
      const limit = draw.int(index.lastSequence + 2)
      const expected = slow.records.find(
        (r) => r.sequence >= one.position && r.sequence <= limit && one.wants(r.subject)
      )
      assert.strictEqual(
        one.cursor.countUpTo(limit),
        slow.records.filter((r) => r.sequence >= one.position && r.sequence <= limit && one.wants(r.subject))
          .length
      )
      if (draw.chance(0.3)) assert.strictEqual(one.cursor.peek(limit), expected?.sequence ?? 0)
      assert.strictEqual(one.cursor.next(limit), expected?.sequence ?? 0)
      if (expected !== undefined) one.position = expected.sequence + 1
      else one.position = Math.max(one.position, limit + 1)
    }
    if (step % 16 === 0 || step === steps - 1) check(index, slow, cursors, draw)
  }
  const here = new Set(slow.records.map((r) => r.sequence))
  assert.deepStrictEqual(
    removed.toSorted((a, b) => a - b),
    Array.from({ length: index.lastSequence }, (_, i) => i + 1).filter((s) => !here.has(s)),
    "each removal is told once"
  )
}

const check = (
  index: TopicIndex,
  slow: SlowIndex,
  cursors: ReadonlyArray<{ readonly cursor: TopicCursor; readonly wants: (subject: string) => boolean }>,
  draw: Draw
): void => {
  const { records } = slow
  assert.strictEqual(index.lastSequence, slow.last)
  assert.strictEqual(index.records.count, records.length)
  assert.strictEqual(index.bytes, slow.bytes())
  if (slow.last > 0) assert.strictEqual(index.firstSequence, records[0]?.sequence ?? slow.last + 1)
  const lasts = new Map<string, number>()
  for (const r of records) lasts.set(r.subject, r.sequence)
  assert.strictEqual(index.subjects.size, lasts.size)
  for (const subject of ["a.0", "a.1", "b.2", "once.7"]) {
    assert.strictEqual(index.lastOf(subject), lasts.get(subject) ?? 0)
  }
  assert.deepStrictEqual(
    index.lastPerSubject(["a.*"]).map((entry) => entry.sequence),
    Array.from(lasts)
      .filter(([subject]) => subject.startsWith("a."))
      .map(([, sequence]) => sequence)
      .sort((a, b) => a - b)
  )
  for (const { cursor, wants } of cursors) {
    assert.strictEqual(cursor.last(), records.findLast((r) => wants(r.subject))?.sequence ?? 0)
  }
  const timeMillis = (records[0]?.timeMillis ?? 0) + draw.int(1_000)
  assert.strictEqual(
    index.records.firstAtOrAfter(timeMillis),
    records.find((r) => r.timeMillis >= timeMillis)?.sequence ?? slow.last + 1
  )
}

describe("TopicIndex and TopicCursor", () => {
  it("answer as an array that is filtered would, over appends, removals, purges, limits and expiry", () =>
    forEachSeed({ quick: 60, long: 1_000 }, run))

  it("expiry is never early and knows when it is next due", () => {
    const index = new TopicIndex({
      name: "t",
      maxAgeMillis: 1_000,
      maxBytes: undefined,
      maxRecords: undefined,
      maxRecordsPerSubject: undefined,
      maxRecordBytes: undefined,
      discard: "old",
      dedupeWindowMillis: 1_000
    })
    assert.strictEqual(index.nextExpiryMillis(), Number.POSITIVE_INFINITY)
    index.append({ sequence: 1, subject: "a", timeMillis: 100, bytes: 1 })
    index.append({ sequence: 2, subject: "a", timeMillis: 200, bytes: 1, ttlMillis: 300 })
    assert.strictEqual(index.nextExpiryMillis(), 500)
    index.expire(499)
    assert.isTrue(index.records.has(2))
    index.expire(500)
    assert.isFalse(index.records.has(2))
    assert.strictEqual(index.nextExpiryMillis(), 1_100)
    index.expire(1_099)
    assert.isTrue(index.records.has(1))
    index.expire(1_100)
    assert.strictEqual(index.records.count, 0)
    assert.strictEqual(index.firstSequence, 3)
  })
})
