/** Reading back what a view committed: its output topic is a topic like any other. */
import { Broker, type Topic, type TopicRecord } from "@troupe/broker"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Commit from "./Commit.ts"
import * as Frames from "./Frames.ts"
import { partitionOfSubject } from "./Router.ts"
import { brokerFailed, retrying } from "./Transient.ts"
import { outputTopic, type View } from "./View.ts"
import { Foreign, NotAnOutput, ViewError, type ViewErrorReason } from "./ViewError.ts"

/** One commit, read back. */
export interface Committed {
  readonly partition: number
  /** Its sequence in the output topic. */
  readonly outSequence: number
  readonly commit: Commit.Commit
  /** The outputs' bytes, in order; the first has index `commit.outputs - commit.n` in its partition, counted from 0. */
  readonly frames: ReadonlyArray<Uint8Array>
  /** The frames as they are stored. */
  readonly payload: Uint8Array
}

/** Which outputs to read. */
export interface ReadOutputs {
  /** The namespace of the run that wrote them. */
  readonly namespace?: string
  /** First output sequence; default the first. */
  readonly from?: number
}

/** Opens the topic of a view's outputs, making it when it is not there. */
export const open = (
  view: { readonly id: string; readonly name: string; readonly version: number },
  namespace: string | undefined
): Effect.Effect<Topic, ViewError, Broker> =>
  Effect.flatMap(Broker, (broker) =>
    Effect.mapError(retrying(broker.topic({ name: outputTopic(view, namespace) })), brokerFailed(view.id, -1))
  )

const parse = <State, Output>(
  view: View<State, Output>,
  record: TopicRecord
): Committed | ViewErrorReason => {
  const partition = partitionOfSubject(record.subject)
  const commit = Commit.ofRecord(record)
  if (commit === undefined || partition < 0) return new NotAnOutput({ outSequence: record.sequence })
  if (commit.digest !== view.digest) {
    return new Foreign({ where: "output", expected: view.digest, found: commit.digest })
  }
  try {
    const frames = Frames.split(record.data)
    if (frames.length !== commit.n) return new NotAnOutput({ outSequence: record.sequence })
    return { partition, outSequence: record.sequence, commit, frames, payload: record.data }
  } catch {
    return new NotAnOutput({ outSequence: record.sequence })
  }
}

const commits =
  (method: "read" | "follow") =>
  <State, Output>(
    view: View<State, Output>,
    options?: ReadOutputs
  ): Stream.Stream<Committed, ViewError, Broker> =>
    Stream.unwrap(
      Effect.map(open(view, options?.namespace), (topic) =>
        topic[method]({ from: options?.from ?? 1, filters: ["p.>"] }).pipe(
          Stream.mapError(brokerFailed(view.id, -1)),
          Stream.mapArrayEffect((records) => {
            const read: Array<Committed> = []
            for (const record of records) {
              const committed = parse(view, record)
              if ("_tag" in committed) {
                const partition = partitionOfSubject(record.subject)
                return Effect.fail(new ViewError({ view: view.id, partition, reason: committed }))
              }
              read.push(committed)
            }
            return Arr.isArrayNonEmpty(read) ? Effect.succeed(read) : Effect.die("an empty chunk")
          })
        )
      )
    )

/** The commits of a view that are there now, in output sequence order. */
export const read = commits("read")

/** The commits that are there and those to come: a live table is `follow` applied to a `Table`. */
export const follow = commits("follow")

/** The outputs of a commit. A codec that throws is a defect. */
export const decode = <State, Output>(view: View<State, Output>, committed: Committed): Array<Output> =>
  committed.frames.map(view.output.decode)

/**
 * The outputs that one record of a view's output topic holds: how a view whose input is that topic reads it (stages raw → preprocessed →
 * aggregated). Throws `TypeError` for a record that this view did not write: a fold that throws stops with `FoldFailed`, and commits nothing.
 */
export const ofRecord = <State, Output>(view: View<State, Output>, record: TopicRecord): Array<Output> => {
  const committed = parse(view, record)
  if (!("_tag" in committed)) return decode(view, committed)
  const why =
    committed._tag === "Foreign"
      ? `a view with digest ${committed.found} wrote it`
      : "no view wrote it, or it is damaged"
  throw new TypeError(
    `the record at sequence ${record.sequence} (subject ${record.subject}) is no output of view ${view.id} with digest ${view.digest}: ${why}. Fold the output topic of that very view.`
  )
}
