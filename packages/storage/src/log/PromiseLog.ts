import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BatchView } from "./BatchView.ts"
import type { Compacted } from "./Compaction.ts"
import { Log, type LogOptions } from "./Log.ts"
import { type LogError, LogFailed } from "./LogError.ts"
import type { LogRecord } from "./LogRecord.ts"
import type { OpenLog } from "./OpenLog.ts"
import type {
  CompactOptions,
  ReadableLog,
  ReadOnlyLog,
  Retained,
  RetentionBounds,
  SealedSegment
} from "./ReadableLog.ts"
import type { RecoveryReport } from "./Recovery.ts"
import type { DamagedRange } from "./Repair.ts"
import type { SubjectFilter } from "./SubjectFilter.ts"

/** `LogOptions` with promises where those have effects. */
export interface PromiseLogOptions extends Omit<LogOptions, "archive" | "repair"> {
  /** Gets each full segment before retention removes it; when it rejects the segment stays and `retain` rejects. */
  readonly archive?: (segment: SealedSegment) => Promise<unknown>
  /** What to do about damage to synced bytes: see `LogOptions.repair`. */
  readonly repair?: "quarantine" | { readonly fetch: (range: DamagedRange) => Promise<Uint8Array> }
}

/**
 * A log for programs without Effect: the same log, with promises where `WritableLog` has effects.
 *
 * What fails rejects with (or throws) the same `LogFailed`, `LogCorrupt` and `LogUnsupported`. Reads are synchronous as there.
 */
export interface PromiseLog extends ReadableLog, AsyncDisposable {
  /** The sequence the next record gets. */
  readonly nextSequence: number
  /** What opening the log had to mend. */
  readonly recovery: RecoveryReport
  /** Appends one record and answers its sequence when it holds the durability class. All appends of a turn share one write or sync. */
  readonly append: (record: LogRecord) => Promise<number>
  /** The same for several as one batch, of which a crash keeps all or none; answers the sequence of the first. */
  readonly appendBatch: (records: ReadonlyArray<LogRecord>) => Promise<number>
  /** Copies one record into the open batch and answers its sequence at once; `durable` or `flush` say when it is kept. Throws what `append` rejects with. */
  readonly appendNow: (record: LogRecord) => number
  /** Answers when the record of this sequence, which was appended, holds the durability class. */
  readonly durable: (sequence: number) => Promise<void>
  /** Writes, and at class `disk` syncs, everything so far. */
  readonly flush: () => Promise<void>
  /** Batches from `from` on for ever, each sequence once, in order; nothing is polled. Leaving the loop ends it. */
  readonly follow: (
    from: number,
    options?: { readonly maxBytes?: number; readonly filter?: SubjectFilter }
  ) => AsyncIterable<BatchView>
  /** Takes records out of the middle: see `WritableLog.deleteRecords`. */
  readonly deleteRecords: (first: number, last?: number) => void
  /** Keeps the last record of each key: see `WritableLog.compact`. */
  readonly compact: (options?: CompactOptions) => Promise<Compacted>
  /** Ends the active segment. */
  readonly roll: () => Promise<void>
  /** Removes the oldest full segments that a bound lets go. */
  readonly retain: (bounds: RetentionBounds) => Promise<Retained>
  /** Writes, syncs and closes; everything afterwards fails with code `CLOSED`. Also `await using`. */
  readonly close: () => Promise<void>
}

/** Runs an effect; rejects with the error itself, not with something around it. */
const run = <A>(effect: Effect.Effect<A, LogError>): Promise<A> =>
  Effect.runPromiseExit(effect).then((exit) => {
    if (Exit.isSuccess(exit)) return exit.value
    throw Cause.squash(exit.cause)
  })

const rejected =
  (operation: string, file: string) =>
  (cause: unknown): LogFailed =>
    new LogFailed({ operation, file, code: cause instanceof Error ? cause.message : String(cause), cause })

const promised = (options: PromiseLogOptions): LogOptions => {
  const { archive, repair, ...same } = options
  return {
    ...same,
    ...(archive === undefined
      ? {}
      : {
          archive: (segment: SealedSegment) =>
            Effect.tryPromise({ try: () => archive(segment), catch: rejected("archive", segment.path) })
        }),
    ...(repair === undefined
      ? {}
      : {
          repair:
            repair === "quarantine"
              ? repair
              : {
                  fetch: (range: DamagedRange) =>
                    Effect.tryPromise({
                      try: () => repair.fetch(range),
                      catch: rejected("fetch", range.file)
                    })
                }
        })
  }
}

/**
 * Opens a log, making it when it is not there; recovers first. Rejects with `LogCorrupt` for damaged synced bytes,
 * `LogFailed` for a disk that refuses (code `EBUSY` when this process has it open), `LogUnsupported` for a newer format.
 */
export const openLog = async (options: PromiseLogOptions): Promise<PromiseLog> => {
  const scope = Scope.makeUnsafe()
  try {
    const log = await run(Scope.provide(Log.open(promised(options)), scope))
    return facing(log as OpenLog, () => Effect.runPromise(Scope.close(scope, Exit.void)))
  } catch (error) {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    throw error
  }
}

/** A log opened to read only, with promises. */
export interface PromiseReadOnlyLog extends Omit<ReadOnlyLog, "follow">, AsyncDisposable {
  /** Batches from `from` on for ever, looking every `everyMillis` whether there are new ones. Leaving the loop ends it. */
  readonly follow: (
    from: number,
    options: { readonly everyMillis: number; readonly maxBytes?: number; readonly filter?: SubjectFilter }
  ) => AsyncIterable<BatchView>
  /** Gives the file handles back. Also `await using`. */
  readonly close: () => Promise<void>
}

/**
 * Opens a log to read what is in it, without changing a byte: from another process than its writer's, or up to the damage of
 * a damaged one. Rejects as `openLog` does; `LogFailed` with code `ENOENT` where there is no log.
 */
export const openLogReadOnly = async (options: {
  readonly directory: string
}): Promise<PromiseReadOnlyLog> => {
  const scope = Scope.makeUnsafe()
  const log = await run(Scope.provide(Log.openReadOnly(options), scope))
  const close = (): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void))
  return {
    get damage() {
      return log.damage
    },
    get firstSequence() {
      return log.firstSequence
    },
    get endSequence() {
      return log.endSequence
    },
    get bytes() {
      return log.bytes
    },
    get lastTimeMillis() {
      return log.lastTimeMillis
    },
    refresh: () => log.refresh(),
    read: (from, maxBytes, filter) => log.read(from, maxBytes, filter),
    lend: (from, maxBytes, filter) => log.lend(from, maxBytes, filter),
    scan: (scanned) => log.scan(scanned),
    recordAt: (sequence) => log.recordAt(sequence),
    sequenceAt: (timeMillis) => log.sequenceAt(timeMillis),
    follow: (from, following) => Stream.toAsyncIterable(log.follow(from, following)),
    close,
    [Symbol.asyncDispose]: close
  }
}

const facing = (log: OpenLog, close: () => Promise<void>): PromiseLog => {
  const { commit } = log
  let closing: Promise<void> | undefined
  const closeOnce = (): Promise<void> => (closing ??= close())
  return {
    get firstSequence() {
      return log.firstSequence
    },
    get endSequence() {
      return log.endSequence
    },
    get nextSequence() {
      return log.nextSequence
    },
    get bytes() {
      return log.bytes
    },
    get lastTimeMillis() {
      return log.lastTimeMillis
    },
    recovery: log.recovery,
    // No async function where it counts: a promise less an append.
    append: (record) => {
      let sequence: number
      try {
        sequence = log.append(record)
      } catch (error) {
        return Promise.reject(error)
      }
      return commit.promised(sequence, sequence)
    },
    appendBatch: async (records) => {
      const first = log.appendBatch(records)
      return records.length === 0 ? first : commit.promised(first + records.length - 1, first)
    },
    appendNow: (record) => log.append(record),
    durable: async (sequence) => {
      if (sequence >= log.nextSequence) throw new RangeError(`sequence ${sequence} was never appended`)
      await commit.promised(sequence, sequence)
    },
    flush: () => run(log.flush),
    read: (from, maxBytes, filter) => log.read(from, maxBytes, filter),
    lend: (from, maxBytes, filter) => log.lend(from, maxBytes, filter),
    scan: (options) => log.scan(options),
    recordAt: (sequence) => log.recordAt(sequence),
    sequenceAt: (timeMillis) => log.sequenceAt(timeMillis),
    follow: (from, options) => follow(log, from, options),
    deleteRecords: (first, last) => log.deleteRecords(first, last),
    compact: (options) => run(log.compact(options)),
    roll: () => run(log.roll),
    retain: (bounds) => run(log.retain(bounds)),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce
  }
}

const followBytes = 256 * 1024

async function* follow(
  log: OpenLog,
  from: number,
  options: { readonly maxBytes?: number; readonly filter?: SubjectFilter } = {}
): AsyncGenerator<BatchView, void, void> {
  let next = from
  for (;;) {
    if (log.endSequence <= next) await run(log.awaitAfter(next - 1))
    const batches = log.read(next, options.maxBytes ?? followBytes, options.filter)
    for (const batch of batches) {
      yield batch
      next = batch.nextSequence
    }
  }
}
