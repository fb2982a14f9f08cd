import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Semaphore from "effect/Semaphore"
import type { BrokerError } from "../BrokerError.ts"
import type { Subscription, SubscriptionInfo, SubscriptionSpec, SubscriptionStart } from "../Subscription.ts"
import type { Topic } from "../Topic.ts"
import { AdvisoryHub } from "./AdvisoryHub.ts"
import type { Fork } from "./Alarm.ts"
import { mismatchError, notFoundError, rejectedError } from "./BrokerFailure.ts"
import type { OpenedTopic } from "./LocalStorage.ts"
import { badListening, badStart, readSubscriptionSpec, updateSubscriptionSpec } from "./ReadSpec.ts"
import { SubscriptionEngine } from "./SubscriptionEngine.ts"
import { differingSubscription, type SubscriptionSnapshot } from "./SubscriptionSettings.ts"
import type { TopicEngine } from "./TopicEngine.ts"

/** The subscriptions of one open local topic. */
export interface LocalSubscriptions {
  readonly open: (spec: SubscriptionSpec) => Effect.Effect<Subscription, BrokerError>
  readonly update: Topic["updateSubscription"]
  readonly remove: (name: string) => Effect.Effect<void, BrokerError>
  readonly advisories: Topic["advisories"]
  readonly infos: Effect.Effect<ReadonlyArray<SubscriptionInfo>, BrokerError>
  readonly close: () => void
}

/** Opens the subscriptions that the store found, and makes and removes others one at a time. */
export const makeLocalSubscriptions = (
  topic: TopicEngine,
  opened: OpenedTopic,
  environment: { readonly clock: Clock.Clock; readonly fork: Fork; readonly oneAtATime: Semaphore.Semaphore }
): LocalSubscriptions => {
  const { clock, fork, oneAtATime } = environment
  const hub = new AdvisoryHub(topic)
  const { index } = topic
  const topicName = topic.settings.name
  const engines = new Map<string, SubscriptionEngine>()
  for (const found of opened.subscriptions) {
    engines.set(found.settings.name, new SubscriptionEngine(topic, found, { advisories: hub, clock, fork }))
  }

  const positionOf = (start: Exclude<SubscriptionStart, "lastPerSubject">): number => {
    if (start === "first") return 1
    if (start === "new") return topic.visible + 1
    return typeof start === "number" ? start : index.records.firstAtOrAfter(start.timeMillis)
  }

  const startOf = (start: SubscriptionStart, filters: ReadonlyArray<string>): SubscriptionSnapshot => {
    const lastOnes =
      start === "lastPerSubject"
        ? index
            .lastPerSubject(filters)
            .flatMap(({ sequence }) => (sequence <= topic.visible ? [sequence] : []))
        : []
    return {
      position: positionOf(start === "lastPerSubject" ? "new" : start),
      backlog: lastOnes,
      outstanding: [],
      exhausted: []
    }
  }

  const open = Effect.fnUntraced(function* (spec: SubscriptionSpec) {
    const operation = `open subscription ${spec.name} of ${topicName}`
    const settings = yield* readSubscriptionSpec(spec, topicName)
    const closed = topic.closedError(operation)
    if (closed !== undefined) return yield* closed
    const found = engines.get(settings.name)
    if (found !== undefined) {
      const fields = differingSubscription(found.state.settings, settings)
      if (fields.length > 0) return yield* mismatchError("subscription", operation, fields)
      return toSubscription(found)
    }
    yield* topic.barrier
    topic.expire()
    const snapshot = startOf(settings.start, settings.filters)
    const log = yield* opened.store.subscriptions.create(settings, snapshot)
    const engine = new SubscriptionEngine(
      topic,
      { settings, snapshot, log },
      { advisories: hub, clock, fork }
    )
    engines.set(settings.name, engine)
    return toSubscription(engine)
  })

  const remove = Effect.fnUntraced(function* (name: string) {
    const operation = `delete subscription ${name} of ${topicName}`
    const closed = topic.closedError(operation)
    if (closed !== undefined) return yield* closed
    const engine = engines.get(name)
    if (engine === undefined)
      return yield* notFoundError("subscription", operation, "There is none of that name.")
    yield* opened.store.subscriptions.remove(name)
    engines.delete(name)
    engine.close(true)
  })

  /** What is reported as skipped stays reported, so it is kept before it is told. */
  const infoOf = (engine: SubscriptionEngine): Effect.Effect<SubscriptionInfo, BrokerError> =>
    Effect.suspend(() => {
      const info = engine.info()
      return info.exhausted.length === 0 ? Effect.succeed(info) : Effect.as(engine.flush, info)
    })

  const update = (engine: SubscriptionEngine, change: Parameters<Subscription["update"]>[0]) =>
    Effect.flatMap(updateSubscriptionSpec(engine.state.settings, change, topicName), (settings) => {
      engine.update(settings)
      return engine.flush
    })

  const updateByName: Topic["updateSubscription"] = (name, change) =>
    Effect.suspend(() => {
      const operation = `update subscription ${name} of ${topicName}`
      const closed = topic.closedError(operation)
      if (closed !== undefined) return Effect.fail(closed)
      const engine = engines.get(name)
      return engine === undefined
        ? Effect.fail(notFoundError("subscription", operation, "There is none of that name: open it first."))
        : update(engine, change)
    })

  const advisories: Topic["advisories"] = Effect.fnUntraced(function* (options) {
    const operation = `advisories of ${topicName}`
    const refused = badListening(options?.subscription, operation) ?? topic.closedError(operation)
    if (refused !== undefined) return yield* refused
    const listening = yield* Effect.acquireRelease(
      Effect.sync(() => hub.open(options?.subscription)),
      ({ close }) => Effect.sync(close)
    )
    for (const engine of engines.values()) engine.heed()
    return listening.inbox
  })

  const toSubscription = (engine: SubscriptionEngine): Subscription => {
    const { name } = engine.state.settings
    const operation = `subscription ${name} of ${topicName}`
    const usable = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.suspend((): Effect.Effect<A, E | BrokerError, R> => {
        const closed = engine.closedError()
        return closed === undefined ? effect : Effect.fail(closed)
      })
    return {
      name,
      reader: ({ prefetch = 1 } = {}) =>
        Number.isSafeInteger(prefetch) && prefetch >= 1
          ? usable(
              Effect.map(
                Effect.acquireRelease(
                  Effect.sync(() => engine.open(prefetch)),
                  ({ close }) => Effect.sync(close)
                ),
                ({ reader }) => reader
              )
            )
          : Effect.fail(rejectedError("argument", operation, `A prefetch is at least 1, not ${prefetch}.`)),
      info: usable(infoOf(engine)),
      update: (change) => usable(update(engine, change)),
      reset: (position) =>
        usable(
          Effect.suspend(() => {
            const bad = badStart(position, `reset ${operation}`)
            if (bad !== undefined) return Effect.fail(bad)
            engine.reset(positionOf(position))
            return engine.flush
          })
        )
    }
  }

  return {
    open: (spec) => oneAtATime.withPermits(1)(open(spec)),
    update: (name, change) => oneAtATime.withPermits(1)(updateByName(name, change)),
    remove: (name) => oneAtATime.withPermits(1)(remove(name)),
    advisories,
    infos: Effect.suspend(() =>
      Effect.map(Effect.forEach(Array.from(engines.values()), infoOf), (infos) =>
        infos.sort((a, b) => (a.name < b.name ? -1 : 1))
      )
    ),
    close: () => {
      for (const engine of engines.values()) engine.close(false)
    }
  }
}
