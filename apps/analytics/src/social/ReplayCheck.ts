import { Broker } from "@troupe/broker"
import { Replay, View } from "@troupe/views"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Aggregate from "./Aggregate.ts"
import * as EditionRows from "./EditionRows.ts"
import * as Preprocess from "./Preprocess.ts"
import * as RawTopic from "./RawTopic.ts"
import type { ReplayReport } from "./ReplayReport.ts"
import { SocialRun } from "./SocialRun.ts"

/** No event ever changed a row of this key. */
export class RowUnknown extends Schema.TaggedError<RowUnknown>()("RowUnknown", {
  key: Schema.String,
  version: Schema.Int
}) {
  override get message() {
    return `Version ${this.version} never had a row ${this.key}. Name one such as hour/2026-01-05T13/2/cats (hour, partition, topic) or month/2026-01/0/u7 (month, partition, author).`
  }
}

/**
 * Folds everything again from the first record and compares it, byte by byte, with what the current edition's stages committed; shows how the row
 * `key` came about, event by event. Fails with `RowUnknown` before it folds anything.
 */
export const run = Effect.fn("ReplayCheck.run")(function* (options: { readonly key?: string } = {}) {
  const social = yield* SocialRun
  const broker = yield* Broker
  const edition = yield* social.current
  yield* (yield* social.pipeline(edition)).caughtUp()
  const { key } = options
  const steps = key === undefined ? [] : yield* EditionRows.history(edition, key)
  if (key !== undefined && steps.length === 0) {
    return yield* new RowUnknown({ key, version: edition.version })
  }
  const [first, second] = [Preprocess.view(edition), Aggregate.view(edition)]
  const { partitions } = RawTopic
  const preprocessed = yield* broker.topic({ name: View.outputTopic(first) })
  const began = yield* Clock.currentTimeMillis
  const again = [
    yield* Replay.verify(first, { input: social.raw, partitions }),
    yield* Replay.verify(second, { input: preprocessed, partitions })
  ] as const
  const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
  const { records } = yield* social.raw.info
  const stages = again.map(({ differences, outputs, replayEqualsLive }, stage) => ({
    name: View.outputTopic(stage === 0 ? first : second),
    inputs: stage === 0 ? records : again[0].outputs,
    outputs,
    replayEqualsLive,
    differences: differences.map(({ partition }) => partition)
  }))
  return {
    version: edition.version,
    stages,
    replayEqualsLive: stages.every((stage) => stage.replayEqualsLive),
    recordsPerSecond: Math.round(records / Math.max(0.001, seconds)),
    steps: steps.map(({ kind, raw, row }) => ({ raw, kind, row: { ...row } }))
  } satisfies ReplayReport
})
