import type { BrokerError, Durability } from "@troupe/broker"
import type { SubscriptionLog, SubscriptionSettings, SubscriptionSnapshot } from "@troupe/broker/backend"
import { Log, type WritableLog } from "@troupe/storage/log"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { isLogError, onFiles, storageFailed } from "./StorageErrors.ts"
import {
  decodeProgress,
  encodeProgress,
  type Progress,
  type ProgressEntry,
  ProgressFold
} from "./SubscriptionProgress.ts"

/** Entries after which the whole state is written anew and the log before it is dropped. */
const compactAfterDefault = 50_000

/** An opened log of a subscription, and what it said. */
export interface OpenedSubscription {
  readonly log: SubscriptionLog
  /** `undefined` when a crash came before the first entry was kept. */
  readonly progress: Progress | undefined
}

/**
 * Opens the log that keeps a subscription's progress.
 *
 * What is told is written when the turn is over; `flush` waits for the durability class. At class `disk` the rest is synced
 * once a second, so an unconfirmed ack may be lost with the power and its record is delivered again.
 */
export const openSubscription = (options: {
  readonly directory: string
  readonly name: string
  readonly durability: Exclude<Durability, "memory">
  readonly compactAfter?: number | undefined
}): Effect.Effect<OpenedSubscription, BrokerError, Scope.Scope> =>
  Effect.gen(function* () {
    const { directory, durability, name } = options
    const operation = `open subscription ${name}`
    const clock = yield* Clock.clockWith(Effect.succeed)
    const log = yield* Effect.mapError(
      Log.open({
        directory,
        durability,
        fsync: durability === "disk" ? { intervalMillis: 1_000 } : "never",
        segmentBytes: 4 * 1024 * 1024,
        batchBytes: 64 * 1024,
        batchRecords: 1_024
      }),
      (error) => storageFailed(error, operation)
    )
    const progress = yield* onFiles(operation, () => foldLog(log))
    // Made after the log, so ended before it is closed: nothing touches its files after that.
    const fork = yield* FiberSet.makeRuntime<never>()
    const { compactAfter = compactAfterDefault } = options
    return { log: makeSubscriptionLog({ log, name, clock, fork, progress, compactAfter }), progress }
  })

const foldLog = (log: WritableLog): Progress | undefined => {
  const fold = new ProgressFold()
  for (const group of log.scan()) {
    for (const batch of group) {
      if (batch.isControl) continue
      for (let row = 0; row < batch.count; row++) fold.add(decodeProgress(batch.mark(row), batch.value(row)))
    }
  }
  return fold.progress
}

const makeSubscriptionLog = (options: {
  readonly log: WritableLog
  readonly name: string
  readonly clock: Clock.Clock
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly progress: Progress | undefined
  readonly compactAfter: number
}): SubscriptionLog => {
  const { clock, compactAfter, fork, log, name } = options
  // The same fold as at opening, kept along: compaction writes what a restart would have read.
  const fold = new ProgressFold()
  if (options.progress !== undefined) fold.add({ kind: "whole", ...options.progress })
  let entries = 0
  let compacting = false

  const tell = (entry: ProgressEntry): void => {
    fold.add(entry)
    try {
      log.append({ ...encodeProgress(entry), timeMillis: clock.currentTimeMillisUnsafe() })
    } catch (error) {
      // Poisoned or closed: `flush` says so to whoever wants to be sure; the rest is delivered again after a restart.
      if (isLogError(error)) return
      throw error
    }
    if (++entries >= compactAfter && !compacting) compact()
  }

  const compact = (): void => {
    compacting = true
    fork(
      Effect.gen(function* () {
        yield* log.roll
        const { progress } = fold
        if (progress === undefined) return
        const whole = log.nextSequence
        tell({ kind: "whole", ...progress })
        yield* log.flush
        entries = 0
        yield* log.retain({ below: whole })
      }).pipe(
        // What could not be dropped stays readable; the failure itself is told by `flush`.
        Effect.ignore,
        Effect.ensuring(
          Effect.sync(() => {
            compacting = false
          })
        )
      )
    )
  }

  return {
    journal: {
      handed: (sequence, attempt) => tell({ kind: "handed", sequence, attempt }),
      settled: (sequence) => tell({ kind: "settled", sequence }),
      delayed: (sequence, dueMillis) => tell({ kind: "delayed", sequence, dueMillis }),
      exhausted: (sequence) => tell({ kind: "exhausted", sequence })
    },
    replace: (settings: SubscriptionSettings, snapshot: SubscriptionSnapshot) =>
      tell({ kind: "whole", settings, snapshot }),
    flush: Effect.mapError(log.flush, (error) => storageFailed(error, `settle in subscription ${name}`))
  }
}
