import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Log } from "../log/Log.ts"
import { LsmCorrupt, type LsmError, toLsmError } from "./LsmError.ts"
import { applyChanges, disorderIn, emptyVersion, type Version } from "./Version.ts"
import { decodeVersionEdit, encodeVersionEdit, type VersionEdit } from "./VersionEdit.ts"

/** Everything the manifest knows about a store. */
export interface StoreState extends Omit<VersionEdit, "add" | "remove" | "isCheckpoint"> {
  readonly version: Version
}

/** A change to the manifest: tables, and those of the numbers that move. */
export type StoreChange = Partial<Omit<VersionEdit, "isCheckpoint">>

/** The durable list of the store's tables: a log of edits, checkpointed so that it stays short. */
export interface Manifest {
  readonly state: StoreState
  /** Bytes of its files. */
  readonly bytes: number
  /** Writes and syncs an edit, and then makes it the state. One at a time. */
  readonly commit: (change: StoreChange, nowMillis: number) => Effect.Effect<void, LsmError>
}

const emptyState: StoreState = {
  version: emptyVersion,
  walFloor: 1,
  lastSequence: 0,
  tracelessSequence: 0,
  tracelessMillis: 0,
  lastMillis: 0
}

const applyEdit = (state: StoreState, edit: VersionEdit): StoreState => ({
  version: applyChanges(edit.isCheckpoint ? emptyVersion : state.version, edit),
  walFloor: edit.walFloor,
  lastSequence: edit.lastSequence,
  tracelessSequence: edit.tracelessSequence,
  tracelessMillis: edit.tracelessMillis,
  lastMillis: edit.lastMillis
})

const checkpointOf = (state: StoreState): VersionEdit => ({
  ...state,
  isCheckpoint: true,
  add: state.version.levels.flatMap((tables, level) => tables.map((table) => ({ level, table }))),
  remove: []
})

const fold = (log: Log): StoreState => {
  let state = emptyState
  for (const batches of log.scan()) {
    for (const batch of batches) {
      for (let row = 0; row < batch.count; row++) {
        const edit = decodeVersionEdit(batch.value(row))
        if (typeof edit === "string") throw damaged(log, batch.sequence(row), "a version edit", edit)
        state = applyEdit(state, edit)
      }
    }
  }
  const disorder = disorderIn(state.version)
  if (disorder !== undefined) throw damaged(log, log.nextSequence - 1, "disjoint levels", disorder)
  return state
}

const damaged = (log: Log, sequence: number, expected: string, found: string): LsmCorrupt =>
  new LsmCorrupt({ file: `manifest edit ${sequence}`, from: 0, to: log.bytes, expected, found })

/**
 * Opens the manifest in its directory and folds its edits. It is synced at every edit whatever the class of the store:
 * after a power cut a store of any class opens, with a prefix of its writes.
 */
export const openManifest = Effect.fnUntraced(function* (
  directory: string,
  checkpointBytes: number
): Effect.fn.Return<Manifest, LsmError, Scope.Scope> {
  const asError = (cause: unknown): LsmError => toLsmError("manifest", directory, cause)
  const log = yield* Effect.mapError(
    Log.open({ directory, durability: "disk", batchBytes: 64 * 1024, batchRecords: 64, preallocateBytes: 0 }),
    asError
  )
  let state = yield* Log.attempt(() => fold(log)).pipe(
    Effect.catchDefect((cause) => Effect.fail(cause)),
    Effect.mapError(asError)
  )
  let sinceCheckpoint = log.bytes
  let checkpointBytesLast = 0

  const write = (edit: VersionEdit, nowMillis: number): Effect.Effect<void, LsmError> =>
    Effect.suspend(() => {
      const value = encodeVersionEdit(edit)
      sinceCheckpoint += value.length
      const sequence = log.append({ value, timeMillis: nowMillis })
      return Effect.mapError(log.durable(sequence), asError)
    }).pipe(Effect.catchDefect((cause) => Effect.suspend(() => Effect.fail(asError(cause)))))

  const checkpoint = Effect.fnUntraced(function* (nowMillis: number) {
    yield* Effect.mapError(log.roll, asError)
    const first = log.nextSequence
    sinceCheckpoint = 0
    yield* write(checkpointOf(state), nowMillis)
    checkpointBytesLast = sinceCheckpoint
    sinceCheckpoint = 0
    yield* Effect.mapError(log.retain({ below: first }), asError)
  })

  const commit = Effect.fnUntraced(function* (change: StoreChange, nowMillis: number) {
    const edit: VersionEdit = {
      walFloor: state.walFloor,
      lastSequence: state.lastSequence,
      tracelessSequence: state.tracelessSequence,
      tracelessMillis: state.tracelessMillis,
      lastMillis: state.lastMillis,
      add: [],
      remove: [],
      ...change,
      isCheckpoint: false
    }
    const next = applyEdit(state, edit)
    const disorder = disorderIn(next.version)
    // A bug of ours, found before it is on disk.
    if (disorder !== undefined) return yield* Effect.die(new Error(disorder))
    yield* write(edit, nowMillis)
    state = next
    if (sinceCheckpoint >= Math.max(checkpointBytes, checkpointBytesLast)) {
      yield* checkpoint(nowMillis)
    }
  })

  return {
    get state() {
      return state
    },
    get bytes() {
      return log.bytes
    },
    commit
  }
})
