import * as Effect from "effect/Effect"
import type { TopicRecord } from "../TopicRecord.ts"
import type { LocalStorage, OpenedTopic, SubscriptionLog, TopicStore } from "./LocalStorage.ts"
import { RecordCopies } from "./RecordCopies.ts"
import { TopicIndex } from "./TopicIndex.ts"
import type { TopicSettings } from "./TopicSettings.ts"

const forgetful: SubscriptionLog = { journal: undefined, replace: () => {}, flush: Effect.void }

const openMemoryTopic = (settings: TopicSettings): OpenedTopic => {
  const records = new Map<number, TopicRecord>()
  const copies = new RecordCopies()
  const store: TopicStore = {
    append: (group) => {
      for (const record of group) records.set(record.sequence, copies.copy(record))
      return 0
    },
    remove: () => 0,
    read: (sequences) => sequences.map((sequence) => records.get(sequence) as TopicRecord),
    subscriptions: { create: () => Effect.succeed(forgetful), remove: () => Effect.void }
  }
  return {
    settings,
    store,
    index: new TopicIndex(settings, (sequence) => records.delete(sequence)),
    subscriptions: [],
    listen: () => {}
  }
}

/** Topics in this process's memory: gone with the broker that holds them. */
export const makeMemoryStorage = (): LocalStorage => {
  const names = new Set<string>()
  return {
    open: (settings) =>
      Effect.sync(() => {
        names.add(settings.name)
        return openMemoryTopic(settings)
      }),
    names: Effect.sync(() => Array.from(names)),
    remove: (name) => Effect.sync(() => names.delete(name))
  }
}
