import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Broker } from "../Broker.ts"
import { Unavailable } from "../BrokerError.ts"
import type { Durability } from "../Durability.ts"
import type { Topic, TopicSpec } from "../Topic.ts"
import type { Fork } from "./Alarm.ts"
import { brokerError, mismatchError, notFoundError } from "./BrokerFailure.ts"
import type { LocalStorage } from "./LocalStorage.ts"
import { makeLocalSubscriptions } from "./LocalSubscriptions.ts"
import { makeLocalTopic } from "./LocalTopic.ts"
import { readTopicSpec } from "./ReadSpec.ts"
import { TopicEngine } from "./TopicEngine.ts"
import { differingSettings } from "./TopicSettings.ts"

interface OpenTopic {
  readonly engine: TopicEngine
  readonly topic: Topic
  readonly close: () => void
}

/**
 * The `Broker` service over topics of this process, wherever they lie.
 *
 * The time of records, deadlines and limits is the `Clock` this is made under. When the scope closes, waiting callers
 * are answered `Unavailable`.
 */
export const makeLocalBroker = (
  storage: LocalStorage,
  options: { readonly backend: string; readonly durability: Durability }
): Effect.Effect<Broker["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.clockWith(Effect.succeed)
    const fork: Fork = Effect.runForkWith(yield* Effect.context<never>())
    const opening = yield* Semaphore.make(1)
    const topics = new Map<string, OpenTopic>()

    const scope = yield* Effect.scope
    // Runs after the storage has closed its topics, and committed what they had accepted.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const { engine } of topics.values()) engine.abandon()
        topics.clear()
      })
    )

    const closing = ({ close, engine }: OpenTopic) =>
      Effect.sync(() => {
        engine.refuse((operation) =>
          brokerError(new Unavailable(), operation, "The broker was closed: build its layer again.")
        )
        close()
      })

    const open = Effect.fnUntraced(function* (spec: TopicSpec) {
      const settings = yield* readTopicSpec(spec)
      let found = topics.get(settings.name)
      if (found === undefined) {
        const opened = yield* storage.open(settings)
        const engine = new TopicEngine(opened, clock, fork)
        const oneAtATime = yield* Semaphore.make(1)
        const subscriptions = makeLocalSubscriptions(engine, opened, { clock, fork, oneAtATime })
        found = { engine, topic: makeLocalTopic(engine, subscriptions), close: subscriptions.close }
        topics.set(settings.name, found)
        yield* Scope.addFinalizer(scope, closing(found))
      }
      const fields = differingSettings(found.engine.settings, settings)
      if (fields.length > 0) return yield* mismatchError("topic", `open topic ${settings.name}`, fields)
      return found.topic
    })

    const remove = Effect.fnUntraced(function* (name: string) {
      const found = topics.get(name)
      topics.delete(name)
      found?.engine.delete()
      found?.close()
      if (!(yield* storage.remove(name))) {
        return yield* notFoundError("topic", `delete topic ${name}`, "There is none of that name.")
      }
    })

    return Broker.of({
      backend: options.backend,
      durability: options.durability,
      topic: (spec) => opening.withPermits(1)(open(spec)),
      topics: Effect.map(storage.names, (names) => names.toSorted()),
      deleteTopic: (name) => opening.withPermits(1)(remove(name))
    })
  })
