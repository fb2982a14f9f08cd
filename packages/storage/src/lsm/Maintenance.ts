import {
  Actor,
  type ActorRef,
  type ActorSystem,
  type AskError,
  Mailbox,
  Message,
  Supervision
} from "@troupe/runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Log } from "../log/Log.ts"
import { type Compaction, pickCompaction, wholeCompaction } from "./CompactionPicker.ts"
import type { KeepRules } from "./KeepRules.ts"
import { attempt, LsmCorrupt, type LsmError, LsmFailed, LsmUnsupported, toLsmError } from "./LsmError.ts"
import type { LsmShape } from "./LsmOptions.ts"
import type { LsmCounters } from "./LsmStats.ts"
import type { Manifest, StoreChange } from "./Manifest.ts"
import type { Memtable } from "./Memtable.ts"
import type { StoreData } from "./StoreData.ts"
import type { StoreWriter } from "./StoreWriter.ts"
import type { TableJob, TableJobResult } from "./TableJob.ts"
import type { TableJobRunner } from "./TableJobRunner.ts"
import type { TableMeta } from "./TableMeta.ts"

const Failure = Schema.Union([LsmCorrupt, LsmFailed, LsmUnsupported])

/** Flushes the memtables that wait. */
class Flush extends Message.Class<Flush>()("Flush", { error: Failure }) {}
/** Compacts what is due, or everything. */
class Compact extends Message.Class<Compact>()("Compact", {
  payload: { whole: Schema.Boolean },
  error: Failure
}) {}
/** Archives and removes files of the write-ahead log that nobody needs. */
class Retain extends Message.Class<Retain>()("Retain", { error: Failure }) {}

const Lane = Actor.make("storage/lsm", [Flush, Compact, Retain])

/** True when nothing is wrong with the store but a copy of a full file of its log. */
const isArchiveFailure = (error: LsmError): boolean => error._tag === "LsmFailed" && error.code === "ARCHIVE"

/** What maintenance works on. */
export interface MaintenanceParts {
  readonly directory: string
  readonly shape: LsmShape
  readonly wal: Log
  readonly manifest: Manifest
  readonly data: StoreData
  readonly counters: LsmCounters
  readonly nextTableId: SharedArrayBuffer
  readonly nowMillis: () => number
  readonly flushRunner: TableJobRunner
  readonly compactionRunner: TableJobRunner
  /** Sequences that snapshots read at. */
  readonly snapshots: () => ReadonlyArray<number>
  /** The first sequence that a follower of the log still needs. */
  readonly walKeptFrom: () => number
  readonly writer: () => StoreWriter
}

/** The background of a store: two actors, so that a long compaction never holds back a flush. */
export interface Maintenance {
  /** Says that a memtable waits. */
  readonly wake: Effect.Effect<void>
  readonly flush: Effect.Effect<void, LsmError>
  readonly compact: Effect.Effect<void, LsmError>
  readonly retain: Effect.Effect<void, LsmError>
}

/** Starts the actors that own flush, compaction and retention of one store. */
export const startMaintenance = Effect.fnUntraced(function* (
  parts: MaintenanceParts
): Effect.fn.Return<Maintenance, never, ActorSystem | Scope.Scope> {
  const { counters, data, directory, manifest, shape, wal } = parts
  const committing = yield* Semaphore.make(1)
  /** True while a flush is asked for that has not begun: however many writers wait, one message is enough. */
  let woken = false

  /** Writes an edit, swaps the version in the same moment, and removes files that only the past had. */
  const commit = (change: StoreChange, flushed: Memtable | undefined): Effect.Effect<void, LsmError> =>
    committing.withPermit(
      Effect.suspend(() => manifest.commit(change, parts.nowMillis())).pipe(
        Effect.andThen(
          attempt("remove", data.tables.directory, () => {
            data.swap(manifest.state.version, flushed)
            counters.tablesDeleted += data.tables.collect(data.version).files
            parts.writer().signal()
          })
        )
      )
    )

  const keepRules = (): KeepRules => ({
    snapshots: parts.snapshots(),
    versions: shape.historyVersions,
    horizonMillis: shape.historyMillis === undefined ? undefined : parts.nowMillis() - shape.historyMillis
  })

  const keepsTimes = shape.historyMillis !== undefined || shape.historyVersions > 1

  const jobOf = (input: TableJob["input"], below: TableJob["below"], tableBytes: number): TableJob => ({
    directory: data.tables.directory,
    input,
    below,
    rules: keepRules(),
    shape: { blockBytes: shape.blockBytes, filterBitsPerKey: 10 },
    tableBytes,
    timeBase: keepsTimes ? 0 : undefined,
    nextTableId: parts.nextTableId
  })

  /** Runs a job; the tables it may look into stay until it is done, whatever the other actor commits meanwhile. */
  const run = (runner: TableJobRunner, job: TableJob): Effect.Effect<TableJobResult, LsmError> =>
    Effect.suspend(() => Effect.ensuring(runner(job), Effect.sync(data.tables.pin(data.version))))

  const traceOf = ({ garbage }: TableJobResult, lastMillis: number): StoreChange => ({
    tracelessSequence: Math.max(manifest.state.tracelessSequence, garbage.tracelessSequence),
    tracelessMillis: Math.max(
      manifest.state.tracelessMillis,
      Math.min(garbage.tracelessMillis, Math.max(lastMillis, manifest.state.lastMillis))
    )
  })

  const count = ({ garbage, tables }: TableJobResult): void => {
    counters.tablesMade += tables.length
    counters.reclaimedBytes += garbage.bytes
    counters.droppedVersions += garbage.versions
    counters.droppedPairs += garbage.pairs
  }

  const flushOne = Effect.fnUntraced(function* (memtable: Memtable) {
    const asError = (cause: unknown): LsmError => toLsmError("flush", `${directory}/wal`, cause)
    // A table must never hold what a power cut could take from the log: the log's end is the end of the store.
    yield* Effect.mapError(wal.roll, asError)
    yield* Effect.mapError(wal.retain({}), asError)
    const { levels } = data.version
    const older = [...(levels[0] ?? []).map((table) => [table]), ...levels.slice(1)]
    const result = yield* run(
      parts.flushRunner,
      jobOf(
        { _tag: "Memtable", memory: memtable.shared, sequenceMin: memtable.firstSequence },
        older.filter((run) => run.length > 0),
        Number.POSITIVE_INFINITY
      )
    )
    yield* commit(
      {
        add: result.tables.map((table) => ({ level: 0, table })),
        walFloor: memtable.lastSequence + 1,
        lastSequence: memtable.lastSequence,
        lastMillis: memtable.lastTimeMillis,
        ...traceOf(result, memtable.lastTimeMillis)
      },
      memtable
    )
    counters.flushes++
    count(result)
  })

  const retain = Effect.fnUntraced(function* () {
    const { walFloor } = manifest.state
    const keepFrom = Math.min(walFloor, parts.walKeptFrom())
    const bounds =
      shape.walKeepMillis > 0
        ? { olderThanMillis: parts.nowMillis() - shape.walKeepMillis, keepFrom }
        : { below: walFloor, keepFrom }
    const { segments } = yield* Effect.mapError(wal.retain(bounds), (cause) =>
      toLsmError("retain", `${directory}/wal`, cause)
    )
    counters.walFilesDeleted += segments
  })

  const compactOne = Effect.fnUntraced(function* (compaction: Compaction) {
    const { below, level, lower, upper } = compaction
    const moving = upper.flat()
    if (compaction.isMove) {
      yield* commit(
        { add: moving.map((table) => ({ level, table })), remove: moving.map((table) => table.id) },
        undefined
      )
      counters.moves++
      return
    }
    const runs = lower.length === 0 ? upper : [...upper, lower]
    const result = yield* run(
      parts.compactionRunner,
      jobOf({ _tag: "Tables", runs }, below, shape.tableBytes)
    )
    const inputs: ReadonlyArray<TableMeta> = [...moving, ...lower]
    yield* commit(
      {
        add: result.tables.map((table) => ({ level, table })),
        remove: inputs.map((table) => table.id),
        ...traceOf(result, 0)
      },
      undefined
    )
    counters.compactions++
    count(result)
  })

  /** Whatever ends the work, writers hear of it: one who waits for room must not wait for ever. */
  const guarded = <A>(work: Effect.Effect<A, LsmError>): Effect.Effect<A, LsmError> =>
    Effect.tapCause(work, (cause) =>
      Effect.sync(() => {
        if (Cause.hasInterruptsOnly(cause)) return
        const error = Cause.squash(cause)
        if (error instanceof LsmFailed && isArchiveFailure(error)) {
          counters.archiveFailures++
          return
        }
        const code = Predicate.isTagged(error, "LsmCorrupt") ? "CORRUPT" : "DEFECT"
        parts
          .writer()
          .fail(
            error instanceof LsmFailed
              ? error
              : new LsmFailed({ operation: "maintain", file: directory, code, cause: error })
          )
      })
    )

  /** Set before the first message can come. */
  let compaction: ActorRef<Compact> | undefined
  const wakeCompaction = Effect.suspend(() => compaction?.tell(new Compact({ whole: false })) ?? Effect.void)

  const handlers = Lane.of({
    Flush: () =>
      guarded(
        Effect.gen(function* () {
          woken = false
          for (let next = data.oldestFrozen; next !== undefined; next = data.oldestFrozen) {
            yield* flushOne(next)
          }
        })
      ).pipe(
        // The log's files stay until they could be archived; the flush is done all the same, and the count tells.
        Effect.andThen(Effect.catchIf(guarded(retain()), isArchiveFailure, () => Effect.void)),
        Effect.andThen(wakeCompaction)
      ),
    Compact: ({ whole }) =>
      guarded(
        Effect.gen(function* () {
          if (whole) {
            const everything = wholeCompaction(data.version)
            if (everything !== undefined) yield* compactOne(everything)
          }
          for (;;) {
            const due = pickCompaction(data.version, shape)
            if (due === undefined) break
            yield* compactOne(due)
          }
        })
      ),
    Retain: () => guarded(retain())
  })

  const spawn = (name: string) =>
    // Nothing of the state is the actor's, so a bug costs its message and no restart: who asks next is answered at once.
    Lane.spawn(`${directory}#${name}`, handlers, {
      mailbox: Mailbox.bounded(1024),
      supervision: Supervision.resume,
      drain: 0
    })
  const compactor = yield* spawn("compaction")
  compaction = compactor
  const flusher = yield* spawn("flush")

  const answered = <A>(asked: Effect.Effect<A, LsmError | AskError>): Effect.Effect<A, LsmError> =>
    Effect.catchTag(asked, "AskError", (error) =>
      error.reason._tag === "Parked"
        ? Effect.die(error.reason.defect)
        : Effect.fail(new LsmFailed({ operation: "maintain", file: directory, code: "CLOSED", cause: error }))
    )

  return {
    wake: Effect.suspend(() => {
      if (woken) return Effect.void
      woken = true
      return flusher.tell(new Flush())
    }),
    flush: answered(Effect.suspend(() => flusher.ask(new Flush()))),
    compact: answered(Effect.suspend(() => compactor.ask(new Compact({ whole: true })))),
    retain: answered(Effect.suspend(() => flusher.ask(new Retain())))
  }
})
