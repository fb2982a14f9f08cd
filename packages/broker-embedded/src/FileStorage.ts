import * as path from "node:path"
import type { BrokerError, Durability } from "@troupe/broker"
import {
  type LocalStorage,
  type OpenedTopic,
  type SubscriptionSnapshot,
  TopicIndex,
  type TopicSettings,
  type TopicStore
} from "@troupe/broker/backend"
import { Log } from "@troupe/storage/log"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import {
  makeDirectory,
  readJson,
  removeDirectory,
  subdirectories,
  sweepRemoved,
  writeJson
} from "./Directories.ts"
import { onFiles, storageFailed } from "./StorageErrors.ts"
import { openSubscription } from "./SubscriptionFile.ts"
import { settingsIn, topicFile } from "./TopicFile.ts"
import { TopicLog } from "./TopicLog.ts"

/** What the topic has lost to a power cut at class `os`, its subscriptions cannot have seen. */
const within = (snapshot: SubscriptionSnapshot, lastSequence: number): SubscriptionSnapshot =>
  snapshot.position <= lastSequence + 1
    ? snapshot
    : {
        ...snapshot,
        position: lastSequence + 1,
        outstanding: snapshot.outstanding.filter(([sequence]) => sequence <= lastSequence),
        exhausted: snapshot.exhausted.filter((sequence) => sequence <= lastSequence)
      }

/**
 * Topics as directories: `topics/<name>/topic.json` with the settings, `records/` with the log of the records, and
 * `subscriptions/<name>/` with a log each. A directory without `topic.json` is not a topic.
 */
export const makeFileStorage = (options: {
  readonly directory: string
  readonly durability: Exclude<Durability, "memory">
  readonly segmentBytes: number
  /** Entries of a subscription's log after which it is written anew; default 50 000. */
  readonly compactAfter?: number
}): Effect.Effect<LocalStorage, BrokerError, Scope.Scope> =>
  Effect.gen(function* () {
    const { compactAfter, directory, durability, segmentBytes } = options
    const scope = yield* Effect.scope
    // Whoever opens a topic first may end long before the topic: its actors must live where the storage does, not in that one's actor system.
    const here = Effect.setContext(yield* Effect.context<never>())
    const root = path.join(directory, "topics")
    const scopes = new Map<string, Scope.Closeable>()

    yield* onFiles(`open ${directory}`, () => {
      makeDirectory(root)
      sweepRemoved(root)
      for (const name of subdirectories(root)) {
        if (readJson(path.join(root, name, "topic.json")) === undefined)
          removeDirectory(path.join(root, name))
        else sweepRemoved(path.join(root, name, "subscriptions"))
      }
    })

    const openFiles = (home: string, settings: TopicSettings) =>
      Effect.gen(function* () {
        const operation = `open topic ${settings.name}`
        const log = yield* Effect.mapError(
          Log.open({ directory: path.join(home, "records"), durability, segmentBytes }),
          (error) => storageFailed(error, operation)
        )
        // Made after the log, so ended before it is closed: nothing touches its files after that.
        const records = new TopicLog(log, segmentBytes, yield* FiberSet.makeRuntime<never>())
        const index = new TopicIndex(settings, () => records.dropped())
        yield* onFiles(operation, () => records.rebuild(index))
        const subscriptions = makeSubscriptions(path.join(home, "subscriptions"), yield* Effect.scope)
        const store: TopicStore = {
          append: (group) => records.append(group),
          remove: (removal) => records.remove(removal),
          read: (sequences) => records.read(sequences),
          subscriptions: { create: subscriptions.create, remove: subscriptions.remove }
        }
        const opened: OpenedTopic = {
          settings,
          store,
          index,
          subscriptions: yield* subscriptions.openAll(index.lastSequence),
          listen: (events) => records.listen(events)
        }
        return opened
      })

    const makeSubscriptions = (home: string, topicScope: Scope.Scope) => {
      const open = new Map<string, Scope.Closeable>()
      const openOne = (name: string) =>
        Effect.gen(function* () {
          const own = yield* Scope.fork(topicScope)
          const opened = yield* Scope.provide(
            openSubscription({ directory: path.join(home, name), name, durability, compactAfter }),
            own
          )
          open.set(name, own)
          return opened
        })
      const remove = (name: string) =>
        Effect.gen(function* () {
          const own = open.get(name)
          open.delete(name)
          if (own !== undefined) yield* Scope.close(own, Exit.void)
          yield* onFiles(`delete subscription ${name}`, () => removeDirectory(path.join(home, name)))
        })
      return {
        remove,
        create: (
          settings: OpenedTopic["subscriptions"][number]["settings"],
          snapshot: SubscriptionSnapshot
        ) =>
          Effect.gen(function* () {
            const { log } = yield* openOne(settings.name)
            log.replace(settings, snapshot)
            yield* log.flush
            return log
          }).pipe(here),
        openAll: (lastSequence: number) =>
          Effect.gen(function* () {
            const found: Array<OpenedTopic["subscriptions"][number]> = []
            for (const name of subdirectories(home)) {
              const { log, progress } = yield* openOne(name)
              // A crash came between making it and keeping its first entry: nobody was told that it exists.
              if (progress === undefined) {
                yield* remove(name)
                continue
              }
              const { settings } = progress
              const snapshot = within(progress.snapshot, lastSequence)
              if (snapshot !== progress.snapshot) log.replace(settings, snapshot)
              found.push({ settings, snapshot, log })
            }
            return found
          })
      }
    }

    return {
      open: (wanted) =>
        Effect.gen(function* () {
          const home = path.join(root, wanted.name)
          const file = path.join(home, "topic.json")
          const operation = `open topic ${wanted.name}`
          const settings = yield* onFiles(operation, () => {
            const found = readJson(file)
            if (found !== undefined) return settingsIn(file, found)
            makeDirectory(home)
            writeJson(file, topicFile(wanted))
            return wanted
          })
          const own = yield* Scope.fork(scope)
          const opened = yield* Scope.provide(openFiles(home, settings), own).pipe(
            Effect.onError(() => Scope.close(own, Exit.void))
          )
          scopes.set(wanted.name, own)
          return opened
        }).pipe(here),
      names: onFiles("list topics", () =>
        subdirectories(root).filter((name) => readJson(path.join(root, name, "topic.json")) !== undefined)
      ),
      remove: (name) =>
        Effect.gen(function* () {
          const own = scopes.get(name)
          scopes.delete(name)
          if (own !== undefined) yield* Scope.close(own, Exit.void)
          return yield* onFiles(`delete topic ${name}`, () => {
            const home = path.join(root, name)
            if (readJson(path.join(home, "topic.json")) === undefined) return false
            removeDirectory(home)
            return true
          })
        })
    }
  })
