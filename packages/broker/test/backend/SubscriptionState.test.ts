import { assert, describe, it } from "@effect/vitest"
import { type SubscriptionSettings, SubscriptionState, TopicIndex } from "@troupe/broker/backend"
import { matcher } from "../../src/Subject.ts"
import { type Draw, forEachSeed } from "./Seeded.ts"

interface SlowEntry {
  attempt: number
  /** 0 while nobody holds it. */
  reader: number
  /** When it is due again; Infinity once it is in the ready list. */
  dueMillis: number
}

/** The same rules, said slowly: every step looks at everything. */
class SlowState {
  settings: SubscriptionSettings
  position: number
  readonly outstanding = new Map<number, SlowEntry>()
  ready: Array<number> = []
  readonly exhausted = new Set<number>()
  readonly index: TopicIndex

  constructor(index: TopicIndex, settings: SubscriptionSettings, position: number) {
    this.index = index
    this.settings = settings
    this.position = position
  }

  advance(nowMillis: number): void {
    const due = Array.from(this.outstanding)
      .filter(([, entry]) => entry.dueMillis <= nowMillis)
      .sort(([a, first], [b, second]) => first.dueMillis - second.dueMillis || a - b)
    for (const [sequence, entry] of due) {
      entry.reader = 0
      entry.dueMillis = Number.POSITIVE_INFINITY
      if (entry.attempt >= this.settings.maxDeliver) this.exhaust(sequence)
      else this.ready.push(sequence)
    }
  }

  exhaust(sequence: number): void {
    this.outstanding.delete(sequence)
    if (this.index.records.has(sequence)) this.exhausted.add(sequence)
  }

  held(reader: number): number {
    return Array.from(this.outstanding.values()).filter((entry) => entry.reader === reader).length
  }

  news(visible: number): Array<number> {
    const matches = matcher(this.settings.filters)
    const found: Array<number> = []
    for (let sequence = this.position; sequence <= visible; sequence++) {
      if (this.index.records.has(sequence) && matches(this.index.subjectAt(sequence))) found.push(sequence)
    }
    return found
  }

  /** What is due again but not in the topic any more is settled when it comes to the front. */
  forgetRemoved(): void {
    for (;;) {
      const [sequence] = this.ready
      if (sequence === undefined) return
      if (this.outstanding.has(sequence) && this.index.records.has(sequence)) return
      this.ready.shift()
      this.outstanding.delete(sequence)
    }
  }

  take(
    reader: number,
    options: { prefetch: number; max: number; visible: number; nowMillis: number }
  ): Array<readonly [number, number]> {
    this.advance(options.nowMillis)
    if (this.settings.paused) return []
    this.forgetRemoved()
    const room = Math.min(options.max, options.prefetch - this.held(reader))
    const dueMillis = options.nowMillis + this.settings.ackWaitMillis
    const taken: Array<readonly [number, number]> = []
    while (taken.length < room && this.ready.length > 0) {
      const sequence = this.ready.shift() as number
      const entry = this.outstanding.get(sequence)
      if (entry === undefined) continue
      if (!this.index.records.has(sequence)) {
        this.outstanding.delete(sequence)
        continue
      }
      entry.attempt++
      entry.reader = reader
      entry.dueMillis = dueMillis
      taken.push([sequence, entry.attempt])
    }
    for (const sequence of this.news(options.visible)) {
      if (taken.length >= room || this.outstanding.size >= this.settings.maxAckPending) break
      this.outstanding.set(sequence, { attempt: 1, reader, dueMillis })
      this.position = sequence + 1
      taken.push([sequence, 1])
    }
    return taken
  }
}

const settingsFrom = (draw: Draw): SubscriptionSettings => ({
  name: "s",
  filters: draw.pick([[], ["a.*"], ["a.1"], ["a.1", "b.1"]]),
  start: "first",
  ackWaitMillis: 100 + draw.int(200),
  maxDeliver: draw.chance(0.5) ? 1 + draw.int(4) : Number.MAX_SAFE_INTEGER,
  maxAckPending: draw.pick([1, 3, 10, 1_000]),
  paused: false
})

const run = (draw: Draw): void => {
  const index = new TopicIndex({
    name: "t",
    maxAgeMillis: undefined,
    maxBytes: undefined,
    maxRecords: undefined,
    maxRecordsPerSubject: undefined,
    maxRecordBytes: undefined,
    discard: "old",
    dedupeWindowMillis: 1_000
  })
  let settings = settingsFrom(draw)
  const empty = { position: 1, backlog: [], outstanding: [], exhausted: [] }
  let state = new SubscriptionState(index, settings, empty, undefined)
  let slow = new SlowState(index, settings, 1)
  let nowMillis = 1_000
  const deliveries: Array<readonly [number, number]> = []

  for (let step = 0; step < 400; step++) {
    if (draw.chance(0.5)) nowMillis += draw.int(40)
    const action = draw.int(100)
    const [sequence, attempt] = deliveries.length > 0 ? draw.pick(deliveries) : [1, 1]
    if (action < 25) {
      const subject = `${draw.pick(["a", "b"])}.${draw.int(3)}`
      index.append({ sequence: index.lastSequence + 1, subject, timeMillis: nowMillis, bytes: 1 })
    } else if (action < 28) {
      index.remove(1 + draw.int(index.lastSequence + 1))
    } else if (action < 60) {
      const reader = 1 + draw.int(3)
      const options = {
        prefetch: 1 + draw.int(5),
        max: 1 + draw.int(5),
        visible: index.lastSequence,
        nowMillis
      }
      const expected = slow.take(reader, options)
      assert.strictEqual(
        state.hasWork(options.visible, nowMillis),
        expected.length > 0 || slowHasWork(slow, index.lastSequence),
        "hasWork before a take"
      )
      const taken = state.take(reader, options).map((handed) => [handed.sequence, handed.attempt] as const)
      assert.deepStrictEqual(taken, expected)
      deliveries.push(...taken)
    } else if (action < 75) {
      const had = slow.outstanding.delete(sequence)
      assert.strictEqual(state.settle(sequence), had, "an ack counts once")
    } else if (action < 83) {
      const dueMillis = nowMillis + draw.int(150)
      const entry = slow.outstanding.get(sequence)
      if (entry !== undefined && entry.attempt === attempt && entry.reader !== 0) {
        entry.reader = 0
        if (attempt >= slow.settings.maxDeliver) slow.exhaust(sequence)
        else entry.dueMillis = dueMillis
      }
      state.retry(sequence, attempt, dueMillis)
    } else if (action < 90) {
      const entry = slow.outstanding.get(sequence)
      if (entry !== undefined && entry.attempt === attempt && entry.reader !== 0) {
        entry.dueMillis = nowMillis + slow.settings.ackWaitMillis
      }
      state.working(sequence, attempt, nowMillis)
    } else if (action < 92) {
      settings = { ...settings, paused: draw.chance(0.3), maxAckPending: draw.pick([1, 5, 1_000]) }
      slow.settings = settings
      state.update(settings)
    } else if (action < 93) {
      const position = 1 + draw.int(index.lastSequence + 1)
      slow.outstanding.clear()
      slow.ready = []
      slow.position = position
      for (const one of slow.exhausted) if (one >= position) slow.exhausted.delete(one)
      state.reset(position)
    } else if (action < 94) {
      // A restart: nobody holds anything, what was handed out is due at once, delays go on.
      slow.advance(nowMillis)
      state.advance(nowMillis)
      const again = new SlowState(index, settings, slow.position)
      for (const [one, entry] of Array.from(slow.outstanding).sort(([a], [b]) => a - b)) {
        const delayed = entry.reader === 0 && entry.dueMillis !== Number.POSITIVE_INFINITY
        again.outstanding.set(one, {
          attempt: entry.attempt,
          reader: 0,
          dueMillis: delayed ? entry.dueMillis : 0
        })
      }
      for (const one of slow.exhausted) again.exhausted.add(one)
      slow = again
      state = new SubscriptionState(index, settings, state.snapshot(), undefined)
    }
    check(state, slow, index, nowMillis)
  }
}

const slowHasWork = (slow: SlowState, visible: number): boolean => {
  if (slow.settings.paused) return false
  if (slow.ready.some((one) => slow.outstanding.has(one) && slow.index.records.has(one))) return true
  return slow.outstanding.size < slow.settings.maxAckPending && slow.news(visible).length > 0
}

const check = (state: SubscriptionState, slow: SlowState, index: TopicIndex, nowMillis: number): void => {
  slow.advance(nowMillis)
  const standing = state.standing(index.lastSequence, nowMillis)
  assert.strictEqual(standing.ackPending, slow.outstanding.size)
  assert.strictEqual(standing.pending, slow.news(index.lastSequence).length)
  assert.strictEqual(
    standing.redelivered,
    Array.from(slow.outstanding.values()).filter((entry) => entry.attempt > 1).length
  )
  assert.deepStrictEqual(
    standing.exhausted,
    Array.from(slow.exhausted)
      .filter((one) => index.records.has(one))
      .sort((a, b) => a - b)
  )
  // Everything that matches up to the floor is settled, and the floor is not lower than it must be.
  const matches = matcher(slow.settings.filters)
  for (let one = 1; one <= standing.ackFloor; one++) {
    const open = slow.outstanding.has(one) || (one >= slow.position && index.records.has(one))
    assert.isFalse(open && matches(index.subjectAt(one)), `${one} is not settled`)
  }
  const lowest = Math.min(...slow.outstanding.keys())
  if (Number.isFinite(lowest)) assert.strictEqual(standing.ackFloor, lowest - 1)
  for (const [, entry] of slow.outstanding) {
    if (entry.dueMillis !== Number.POSITIVE_INFINITY) {
      assert.isAtMost(state.nextDueMillis(), entry.dueMillis, "a deadline is never missed")
    }
  }
  for (const reader of [1, 2, 3]) assert.strictEqual(state.heldBy(reader), slow.held(reader))
}

const plainIndex = () =>
  new TopicIndex({
    name: "t",
    maxAgeMillis: undefined,
    maxBytes: undefined,
    maxRecords: undefined,
    maxRecordsPerSubject: undefined,
    maxRecordBytes: undefined,
    discard: "old",
    dedupeWindowMillis: 1_000
  })

const plainState = (index: TopicIndex) =>
  new SubscriptionState(
    index,
    {
      name: "s",
      filters: [],
      start: "first",
      ackWaitMillis: 30_000,
      maxDeliver: 5,
      maxAckPending: 10_000,
      paused: false
    },
    { position: 1, backlog: [], outstanding: [], exhausted: [] },
    undefined
  )

describe("SubscriptionState", () => {
  it("does what slow rules say, over takes, acks, retries, deadlines, limits, resets and restarts", () =>
    forEachSeed({ quick: 60, long: 1_000 }, run))

  it("keeps no deadline of what is settled for long", () => {
    const index = plainIndex()
    const state = plainState(index)
    for (let sequence = 1; sequence <= 20_000; sequence++) {
      index.append({ sequence, subject: "a", timeMillis: 1, bytes: 1 })
      state.take(1, { prefetch: 1, max: 1, visible: sequence, nowMillis: sequence })
      state.settle(sequence)
    }
    // All within one ackWait of 30 s: without sweeping, 20 000 deadlines would be kept.
    assert.isAtMost(state.deadlines, 2_000)
    assert.strictEqual(state.ackFloor(), 20_000)
  })

  it("sweeping deadlines makes nothing due twice", () => {
    const index = plainIndex()
    const state = plainState(index)
    for (let sequence = 1; sequence <= 1_300; sequence++) {
      index.append({ sequence, subject: "a", timeMillis: 1, bytes: 1 })
    }
    const take = (max: number) =>
      state
        .take(1, { prefetch: 10_000, max, visible: 1_300, nowMillis: 10 })
        .map((handed) => [handed.sequence, handed.attempt])
    take(1_300)
    for (let sequence = 101; sequence <= 1_300; sequence++) state.settle(sequence)
    for (let sequence = 1; sequence <= 5; sequence++) state.retry(sequence, 1, 10)
    state.advance(10)
    for (let sequence = 6; sequence <= 100; sequence++) state.settle(sequence)
    const before = state.deadlines
    const again = take(1)
    assert.isBelow(state.deadlines, before, "this take swept")
    for (let i = 0; i < 5; i++) again.push(...take(10))
    assert.deepStrictEqual(again, [
      [1, 2],
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 2]
    ])
  })
})
