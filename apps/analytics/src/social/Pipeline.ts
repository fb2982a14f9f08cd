import { Broker, type BrokerError, type Topic } from "@troupe/broker"
import type { ActorSystem } from "@troupe/runtime"
import {
  type RunningServing,
  type RunningView,
  Serving,
  type Throttle,
  View,
  type ViewError,
  Views
} from "@troupe/views"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Aggregate from "./Aggregate.ts"
import type { Edition } from "./Edition.ts"
import * as Preprocess from "./Preprocess.ts"
import * as RawTopic from "./RawTopic.ts"

/** The stages of one edition while they run. */
export interface Running {
  readonly edition: Edition
  readonly preprocess: RunningView
  /** Records of the raw topic that had been folded before this run. */
  readonly foldedBefore: number
  readonly aggregate: RunningView
  /** The rows that readers ask for. */
  readonly served: RunningServing
  /** Waits until every stage has done what there is up to a sequence of the raw topic (default: its last one now). */
  readonly caughtUp: (rawSequence?: number) => Effect.Effect<void, ViewError>
  /** Ends with the failure of any stage, and never otherwise. */
  readonly failure: Effect.Effect<never, ViewError>
  /** Stores snapshots and ends the stages. */
  readonly stop: Effect.Effect<void, ViewError>
}

/** How to run the stages. */
export interface Options {
  /** Holds the first stage back while it catches up; the second has no more to do than the first gives. */
  readonly throttle?: Throttle.Throttle
  /** Records of a partition that are folded and committed together. */
  readonly chunkRecords?: number
  readonly checkpointRecords?: number
}

/** The raw topic, made when it is not there. */
export const rawTopic: Effect.Effect<Topic, BrokerError, Broker> = Effect.flatMap(Broker, (broker) =>
  broker.topic({ name: RawTopic.name })
)

/**
 * Runs the stages raw → preprocessed → aggregated → served of one edition until the scope closes: each a topic of its own, each going on behind
 * its last commit. Two editions run side by side.
 */
export const run = Effect.fn("Pipeline.run")(function* (
  edition: Edition,
  { throttle, ...cutting }: Options = {}
): Effect.fn.Return<Running, ViewError | BrokerError, Broker | ActorSystem | Scope.Scope> {
  const broker = yield* Broker
  const { partitions } = RawTopic
  const before = Preprocess.view(edition)
  const preprocess = yield* Views.run(before, {
    ...cutting,
    input: yield* rawTopic,
    partitions,
    ...(throttle === undefined ? {} : { throttle })
  })
  const foldedBefore = (yield* preprocess.position).reduce((sum, { records }) => sum + records, 0)
  const view = Aggregate.view(edition)
  const aggregate = yield* Views.run(view, {
    ...cutting,
    input: yield* broker.topic({ name: View.outputTopic(before) }),
    partitions
  })
  const served = yield* Serving.run(view, Aggregate.table)
  return {
    edition,
    preprocess,
    foldedBefore,
    aggregate,
    served,
    caughtUp: Effect.fnUntraced(function* (rawSequence) {
      yield* preprocess.caughtUp(rawSequence)
      yield* aggregate.caughtUp()
      yield* served.caughtUp()
    }),
    failure: Effect.raceAllFirst([preprocess.failure, aggregate.failure, served.failure]),
    stop: Effect.all([preprocess.stop, aggregate.stop], { discard: true })
  }
})
