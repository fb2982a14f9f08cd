import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { type SimFs, seeded } from "../src/disk/SimFs.ts"
import { Log, type LogRecord, type ReadableLog } from "../src/log.ts"
import { lineOf, linesIn } from "./sim-log.ts"

const utf8 = new TextEncoder()

/** How long a tombstone stays in these tests. */
export const tombstoneMillis = 1000

interface Appended {
  readonly line: string
  readonly key: string
  readonly tombstone: boolean
}

/** What a program with compactions and deletes knew of its log when it ended or died. */
export interface CompactionWitness {
  /** Index = sequence. */
  readonly appended: Array<Appended>
  /** Each delete: what, after how many records it was noted, and whether it was acknowledged. */
  readonly deletes: Array<{ readonly sequence: number; readonly after: number; kept: boolean }>
  /** Below it compaction may have removed records. */
  cleanBelow: number
  /** The times of all compactions that were begun, and of those that ended how far they came. */
  readonly begun: Array<number>
  readonly cleaned: Array<{ readonly below: number; readonly atMillis: number }>
  acknowledged: number
  removedBelow: number
  compactions: number
  /** Records that compactions removed, and segments that they made fewer. */
  dropped: number
  merged: number
}

export const compactionWitness = (): CompactionWitness => ({
  appended: [{ line: "", key: "", tombstone: false }],
  deletes: [],
  cleanBelow: 0,
  begun: [],
  cleaned: [],
  acknowledged: 0,
  removedBelow: 1,
  compactions: 0,
  dropped: 0,
  merged: 0
})

/** A program that follows from a seed: records on few keys, some tombstones, notes, deletes of records without a key, compactions, time that passes. */
export const compactionProgram = (
  log: Log,
  seen: CompactionWitness,
  seed: number,
  steps: number,
  fs: SimFs
) =>
  Effect.gen(function* () {
    const random = seeded(seed)
    let nowMillis = 0
    const next = (): LogRecord => {
      const n = seen.appended.length
      const isKeyed = random() < 0.5
      const record: LogRecord = {
        value: utf8.encode(`value ${n} `.padEnd(10 + Math.floor(random() * 40), "x")),
        timeMillis: 1_700_000_000_000 + n,
        subject: random() < 0.5 ? undefined : `subject.${Math.floor(random() * 4)}`,
        key: isKeyed ? utf8.encode(`key ${Math.floor(random() * 6)}`) : undefined,
        headers: random() < 0.3 ? utf8.encode(`headers ${n}`) : undefined,
        tombstone: isKeyed && random() < 0.25,
        mark: n % 16
      }
      seen.appended.push({
        line: lineOf(record),
        key: new TextDecoder().decode(record.key),
        tombstone: record.tombstone === true
      })
      return record
    }
    const acknowledge = (last: number): void => {
      if (fs.crashed) return
      seen.acknowledged = Math.max(seen.acknowledged, last)
    }
    const compact = Effect.gen(function* () {
      seen.begun.push(nowMillis)
      seen.cleanBelow = log.nextSequence
      const keysMax = random() < 0.3 ? 2 : 1000
      const done = yield* log.compact({ tombstoneMillis, keysMax })
      if (fs.crashed) return
      seen.compactions++
      seen.dropped += done.records
      seen.merged += done.segmentsBefore - done.segmentsAfter
      seen.cleaned.push({ below: done.cleanBelow, atMillis: nowMillis })
      seen.cleanBelow = Math.max(done.cleanBelow, ...seen.cleaned.map((c) => c.below))
    })
    for (let step = 0; step < steps; step++) {
      const choice = random()
      if (choice < 0.5) {
        yield* Log.attempt(() => log.append(next()))
      } else if (choice < 0.58) {
        const records = Array.from({ length: 2 + Math.floor(random() * 4) }, next)
        yield* Log.attempt(() => log.appendBatch(records))
      } else if (choice < 0.62) {
        yield* Log.attempt(() => log.appendControl({ value: utf8.encode(`note ${step}`), timeMillis: step }))
      } else if (choice < 0.74) {
        const oldest = Math.max(1, seen.appended.length - 40)
        for (let i = 0; i < 4; i++) {
          const sequence = oldest + Math.floor(random() * (seen.appended.length - oldest))
          if (sequence >= seen.appended.length || seen.appended[sequence]?.key !== "") continue
          if (seen.deletes.some((d) => d.sequence === sequence)) continue
          seen.deletes.push({ sequence, after: log.nextSequence - 1, kept: false })
          yield* Log.attempt(() => log.deleteRecords(sequence))
        }
      } else if (choice < 0.84) {
        const last = log.nextSequence - 1
        const deletes = seen.deletes.slice()
        yield* log.flush
        acknowledge(last)
        if (!fs.crashed) for (const one of deletes) one.kept = true
      } else if (choice < 0.88) {
        yield* log.roll
      } else if (choice < 0.93) {
        nowMillis += Math.floor(random() * 800)
        yield* TestClock.setTime(nowMillis)
      } else if (choice < 0.95) {
        const below = Math.max(seen.removedBelow, Math.floor(log.nextSequence * random() * 0.3))
        seen.removedBelow = below
        yield* log.retain({ below })
      } else {
        yield* compact
      }
    }
    yield* compact
  })

/** Checks what a log shows against its witness; throws the first thing that is wrong. */
export const checkCompacted = (
  log: ReadableLog,
  seen: CompactionWitness,
  acknowledgedMust: boolean
): void => {
  const fail = (what: string): never => {
    throw new Error(what)
  }
  const lines = linesIn(log)
  const last = log.endSequence - 1
  if (acknowledgedMust && last < seen.acknowledged)
    fail(`acknowledged ${seen.acknowledged}, but the log ends at ${last}`)
  if (last >= seen.appended.length)
    fail(`the log ends at ${last}, only ${seen.appended.length - 1} were appended`)
  for (const [sequence, line] of lines) {
    const known = seen.appended[sequence]?.line
    if (line !== known) fail(`record ${sequence} is ${line}, appended was ${known}`)
    const at = log.recordAt(sequence)
    if (at?.batch.sequence(at.row) !== sequence) fail(`record ${sequence} is not found by its sequence`)
  }
  const hidden = new Set<number>()
  for (const { sequence, after, kept } of seen.deletes) {
    const isShown = lines.has(sequence)
    // A log is a prefix of what was done to it: deletes in their order between the appends.
    if (isShown && ((kept && acknowledgedMust) || last > after))
      fail(`record ${sequence} was deleted after ${after} of ${last} records and is back`)
    if (!isShown && sequence <= last && last < after && sequence >= log.firstSequence)
      fail(`record ${sequence} is gone, but the log ends at ${last} and it was deleted after ${after}`)
    if (!isShown) hidden.add(sequence)
  }
  const full = new Map<string, Appended & { readonly sequence: number }>()
  const compacted = new Map<string, string>()
  for (let sequence = 1; sequence <= last; sequence++) {
    const record = seen.appended[sequence] as Appended
    const line = lines.get(sequence)
    if (record.key === "") {
      if (sequence >= log.firstSequence && line === undefined && !hidden.has(sequence))
        fail(`record ${sequence} without a key is gone`)
      continue
    }
    if (sequence >= log.firstSequence) full.set(record.key, { ...record, sequence })
    if (line !== undefined) {
      if (record.tombstone) compacted.delete(record.key)
      else compacted.set(record.key, line)
    }
    if (sequence < seen.cleanBelow - 1) continue
    for (const [key, one] of full) {
      const expected = one.tombstone ? undefined : one.line
      if (compacted.get(key) !== expected)
        fail(`L5: ${key} folds to ${compacted.get(key)} up to ${sequence}, without compaction to ${expected}`)
    }
  }
  for (const { sequence, tombstone } of full.values()) {
    if (!tombstone || lines.has(sequence)) continue
    const since = seen.cleaned.filter((c) => c.below > sequence).map((c) => c.atMillis)
    const mayGo = seen.begun.some((at) => since.some((from) => at - from >= tombstoneMillis))
    if (!mayGo) fail(`L5: tombstone ${sequence} went before its time`)
  }
  for (let sequence = log.firstSequence; sequence <= last; sequence++) {
    if (!lines.has(sequence) && log.recordAt(sequence) !== undefined)
      fail(`record ${sequence} is gone for read and there for recordAt`)
  }
}
