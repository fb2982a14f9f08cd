import { Archive, Lambda } from "@troupe/batch"
import type { Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Edition } from "../Edition.ts"
import * as Questions from "../Questions.ts"

/** The pause of the speed layer between two looks at the topic. */
const pause = "5 millis"

/** A Lambda over the feed, and what its layers do while it is live. */
export const open = Effect.fn("LiveLambda.open")(function* (edition: Edition, raw: Topic, directory: string) {
  const archive = yield* Archive.open({
    topic: raw,
    directory: `${directory}/archive`,
    columns: Questions.columns
  })
  const lambda = yield* Lambda.open({
    ...Questions.rules,
    topic: raw,
    archive: archive.directory,
    directory: `${directory}/batch`,
    decode: Questions.decode,
    questions: Questions.questions(edition)
  })
  const folded = yield* SubscriptionRef.make(0)

  const catchUp = Effect.gen(function* () {
    const { lastSequence } = yield* raw.info
    yield* lambda.catchUp({ through: lastSequence })
    yield* SubscriptionRef.set(folded, lastSequence)
  })

  /** Archives what there is, recomputes everything that is closed, and publishes it. */
  const runBatch = Effect.andThen(archive.run(), lambda.runBatch())

  return {
    archive,
    lambda,
    catchUp,
    runBatch,
    /** The speed layer at work: follows the topic until it is interrupted. */
    follow: Effect.forever(Effect.andThen(catchUp, Effect.sleep(pause))),
    /** Waits until an answer asked for now has a sequence in. */
    visible: (sequence: number) =>
      Stream.runDrain(
        SubscriptionRef.changes(folded).pipe(
          Stream.filter((reached) => reached >= sequence),
          Stream.take(1)
        )
      )
  }
})
