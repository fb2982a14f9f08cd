import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { FileSystem } from "../src/disk/FileSystem.ts"
import { type SimFs, seeded } from "../src/disk/SimFs.ts"
import { Log, type LogError, type LogOptions, type LogRecord, type ReadableLog } from "../src/log.ts"

/** Where logs live on the simulated disk. */
export const directory = "/data/log"

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** A record whose every part follows from its number. */
export const recordOf = (n: number, size = 24): LogRecord => ({
  value: utf8.encode(`value ${n} `.padEnd(size + (n % 17), "x")),
  timeMillis: 1_700_000_000_000 + n * 10,
  subject: n % 5 === 0 ? undefined : `orders.${n % 5}`,
  key: n % 3 === 0 ? undefined : utf8.encode(`key ${n % 7}`),
  headers: n % 4 === 0 ? undefined : utf8.encode(`headers ${n}`),
  tombstone: n % 11 === 0,
  mark: n % 16
})

/** Everything a reader can see of a record, as one line. */
export const lineOf = (record: LogRecord): string =>
  [
    text.decode(record.value),
    record.timeMillis,
    record.subject ?? "",
    text.decode(record.key ?? new Uint8Array()),
    text.decode(record.headers ?? new Uint8Array()),
    record.tombstone === true,
    record.mark ?? 0
  ].join("|")

/** The lines of all records a log shows, keyed by sequence, read in chunks of `maxBytes`. */
export const linesIn = (log: ReadableLog, maxBytes = 700): Map<number, string> => {
  const lines = new Map<number, string>()
  for (let from = log.firstSequence; ; ) {
    const batches = log.read(from, maxBytes)
    if (batches.length === 0) return lines
    for (const batch of batches) {
      for (let row = batch.start; row < batch.count; row++) {
        if (lines.has(batch.sequence(row))) throw new Error(`sequence ${batch.sequence(row)} came twice`)
        lines.set(
          batch.sequence(row),
          lineOf({
            value: batch.value(row),
            timeMillis: batch.timeMillis(row),
            subject: batch.subject(row),
            key: batch.key(row),
            headers: batch.headers(row),
            tombstone: batch.isTombstone(row),
            mark: batch.mark(row)
          })
        )
      }
      from = batch.nextSequence
    }
  }
}

/** What is written of a file: without the zeroes that it has ahead. */
export const writtenOf = (bytes: Uint8Array): Uint8Array =>
  bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1)

/** Runs `use` with a log on a simulated disk. */
export const withLog = <A, E>(
  fs: SimFs,
  options: Omit<LogOptions, "directory">,
  use: (log: Log) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E | LogError> =>
  Effect.scoped(Effect.flatMap(Log.open({ directory, ...options }), use)).pipe(
    Effect.provideService(FileSystem, fs)
  )

/** What a program knew of its log when it ended or died. */
export interface Witness {
  /** Line of each record that was appended; index = sequence. */
  readonly appended: Array<string>
  /** Records of one atomic batch: first and last sequence. */
  readonly groups: Array<readonly [number, number]>
  /** The last sequence that was acknowledged. */
  acknowledged: number
  /** The largest `below` that retention was asked for. */
  removedBelow: number
  /** The largest `firstSequence` that retention answered. */
  firstAtLeast: number
}

/** A witness of an empty log. */
export const witness = (): Witness => ({
  appended: [""],
  groups: [],
  acknowledged: 0,
  removedBelow: 1,
  firstAtLeast: 1
})

/** A program over a log that follows from a seed: single records, atomic groups, controls, waits, rolls, retention. */
export const program = (log: Log, seen: Witness, seed: number, steps: number, fs: SimFs) =>
  Effect.gen(function* () {
    const random = seeded(seed)
    const next = (): LogRecord => {
      const record = recordOf(seen.appended.length, Math.floor(random() * 60))
      seen.appended.push(lineOf(record))
      return record
    }
    for (let step = 0; step < steps; step++) {
      const choice = random()
      if (choice < 0.45) {
        yield* Log.attempt(() => log.append(next()))
      } else if (choice < 0.6) {
        const records = Array.from({ length: 2 + Math.floor(random() * 5) }, next)
        const first = yield* Log.attempt(() => log.appendBatch(records))
        seen.groups.push([first, first + records.length - 1])
      } else if (choice < 0.7) {
        yield* Log.attempt(() => log.appendControl({ value: utf8.encode(`note ${step}`), timeMillis: step }))
      } else if (choice < 0.88) {
        const last = log.nextSequence - 1
        if (last > 0) {
          yield* log.durable(last)
          if (!fs.crashed) seen.acknowledged = Math.max(seen.acknowledged, last)
        }
      } else if (choice < 0.93) {
        yield* log.roll
        if (!fs.crashed) seen.acknowledged = Math.max(seen.acknowledged, log.nextSequence - 1)
      } else {
        const below = Math.max(seen.removedBelow, Math.floor(log.nextSequence * random()))
        seen.removedBelow = below
        const { firstSequence } = yield* log.retain({ below })
        if (!fs.crashed) seen.firstAtLeast = firstSequence
      }
    }
  })

/** Checks that what a reopened log shows is what its witness allows; throws the first thing that is wrong. */
export const check = (log: ReadableLog, seen: Witness, acknowledgedMust: boolean): void => {
  const lines = linesIn(log)
  const last = log.endSequence - 1
  const fail = (what: string): never => {
    throw new Error(what)
  }
  if (log.firstSequence < seen.firstAtLeast)
    fail(`retention came back: ${log.firstSequence} < ${seen.firstAtLeast}`)
  if (log.firstSequence > seen.removedBelow)
    fail(`retention took more than asked: ${log.firstSequence} > ${seen.removedBelow}`)
  if (last >= seen.appended.length)
    fail(`the log has ${last} records, only ${seen.appended.length - 1} were appended`)
  if (acknowledgedMust && last < seen.acknowledged)
    fail(`acknowledged ${seen.acknowledged}, but the log ends at ${last}`)
  for (let sequence = log.firstSequence; sequence <= last; sequence++) {
    if (lines.get(sequence) !== seen.appended[sequence]) {
      fail(`record ${sequence} is ${lines.get(sequence)}, appended was ${seen.appended[sequence]}`)
    }
  }
  if (lines.size !== last - log.firstSequence + 1)
    fail(`${lines.size} records between ${log.firstSequence} and ${last}`)
  for (const [first, end] of seen.groups) {
    if (first <= last && last < end)
      fail(`of the atomic group ${first} to ${end} only a part is there: the log ends at ${last}`)
  }
}

/** Records of one atomic batch of the process that the kill test kills. */
export const groupRecords = 3
