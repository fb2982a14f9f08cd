import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { JournalConflict, JournalError } from "./JournalError.ts"

/** Whose history. */
export interface History {
  /** Name of the actor's type. */
  readonly actor: string
  readonly id: string
}

/** The command that an entry answers, remembered so that a repeat of it changes nothing. */
export interface JournaledCommand {
  readonly id: string
  /** The encoded answer. */
  readonly reply: Schema.Json
}

/** One commit: the events of one command, all or none. */
export interface JournalEntry {
  /** Grows within a history; gaps are allowed. */
  readonly sequence: number
  readonly events: ReadonlyArray<Schema.Json>
  readonly command?: JournaledCommand
}

/** The state after the entry at `sequence`. */
export interface JournalSnapshot {
  readonly sequence: number
  readonly state: Schema.Json
  /** The commands remembered at that moment, oldest first. */
  readonly commands: ReadonlyArray<JournaledCommand>
}

/** Stores the histories of event-sourced actors: `Journal.layerMemory` for tests, `@troupe/journal` over a topic of any broker. */
export class Journal extends Context.Service<
  Journal,
  {
    /**
     * Appends one entry and answers its sequence. `expected` is the last sequence of the history as the caller knows it, 0 for
     * none; when it is another, the append fails with `JournalConflict` and stores nothing.
     */
    readonly append: (
      history: History,
      entry: Omit<JournalEntry, "sequence"> & { readonly expected: number }
    ) => Effect.Effect<number, JournalError>
    /** The entries after sequence `after`, in order. */
    readonly read: (history: History, after: number) => Stream.Stream<JournalEntry, JournalError>
    /** The newest snapshot. */
    readonly snapshot: (history: History) => Effect.Effect<Option.Option<JournalSnapshot>, JournalError>
    /** Keeps `snapshot` in place of an older one. */
    readonly saveSnapshot: (history: History, snapshot: JournalSnapshot) => Effect.Effect<void, JournalError>
  }
>()("@troupe/runtime/Journal") {
  /** Keeps histories in memory: for tests, and for actors whose history may end with the process. */
  static readonly layerMemory: Layer.Layer<Journal> = Layer.sync(Journal, () => {
    const entries = new Map<string, Array<JournalEntry>>()
    const snapshots = new Map<string, JournalSnapshot>()
    return Journal.of({
      append: (history, { expected, ...entry }) =>
        Effect.suspend(() => {
          const key = keyOf(history)
          let stored = entries.get(key)
          const actual = stored?.length ?? 0
          if (expected !== actual) {
            return Effect.fail(
              new JournalError({
                reason: new JournalConflict({ expected, actual }),
                history: `${history.actor}/${history.id}`,
                detail: "Another writer appended first; read the history again and decide again."
              })
            )
          }
          if (stored === undefined) {
            stored = []
            entries.set(key, stored)
          }
          stored.push({ ...entry, sequence: actual + 1 })
          return Effect.succeed(actual + 1)
        }),
      read: (history, after) =>
        Stream.suspend(() => Stream.fromIterable(entries.get(keyOf(history))?.slice(after) ?? [])),
      snapshot: (history) => Effect.sync(() => Option.fromUndefinedOr(snapshots.get(keyOf(history)))),
      saveSnapshot: (history, snapshot) =>
        Effect.sync(() => {
          const older = snapshots.get(keyOf(history))
          if (older === undefined || older.sequence < snapshot.sequence) {
            snapshots.set(keyOf(history), snapshot)
          }
        })
    })
  })
}

const keyOf = (history: History): string => `${history.actor.length}:${history.actor}${history.id}`
