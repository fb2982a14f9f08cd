/**
 * A view's table as readers ask for it: one record a row in a compacted topic, kept up to date from the view's outputs.
 *
 * Effectively once: each batch is one append of rows and position together, refused where another sink wrote since. Killed at any write and run
 * again, the rows are those of an undisturbed run.
 */
import type { Broker } from "@troupe/broker"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Outputs from "./Outputs.ts"
import * as ServedChanges from "./ServedChanges.ts"
import * as ServedReader from "./ServedReader.ts"
import type * as ServedRecord from "./ServedRecord.ts"
import * as ServedSink from "./ServedSink.ts"
import * as ServedTopic from "./ServedTopic.ts"
import type * as Table from "./Table.ts"
import { backoff, brokerFailed, retrying } from "./Transient.ts"
import type { View } from "./View.ts"
import { FoldFailed, ViewError } from "./ViewError.ts"

export type { Reader, RowChange, ServedTable } from "./ServedReader.ts"
export type { ServedOptions, ServedRow } from "./ServedRecord.ts"

/** A table that is being kept up to date, until the scope closes. */
export interface RunningServing {
  /** Name of the compacted topic. */
  readonly topic: string
  /** Every output up to this sequence of the output topic is in the rows. */
  readonly through: Effect.Effect<number>
  /** Waits until the rows hold the outputs up to this sequence of the output topic, default its last one now. Fails when the sink stops first. */
  readonly caughtUp: (outSequence?: number) => Effect.Effect<void, ViewError>
  /** Ends when the sink fails, with its error. */
  readonly failure: Effect.Effect<never, ViewError>
}

/** One append holds at most 1 000 records: these and the fence. */
const batchLimits = { rowsMax: 999, bytesMax: 4 * 1024 * 1024 }

/** Keys that are collected before the reader of the outputs waits for the writer. */
const pendingMax = 16_384

/**
 * Keeps a view's table in its served topic until the scope closes, beginning behind what the topic has already.
 *
 * Rows follow `Table`: highest revision wins, `undefined` retracts (the record stays, with `row: null` and its revision). What has arrived is
 * written at once, in one batch; while that is on its way the rest is collected, coalesced by key, for the next. A collection of more than 999
 * rows (or 4 MiB) takes several batches, and `through` moves with the last of them. In memory: one number a key.
 *
 * The newest sink wins: it claims the table, and the one before stops with `Fenced` at its next write, having changed nothing. Fails with
 * `Foreign` when the topic holds another view's rows, with `OutputsReplaced` when the outputs it was made of are gone. The table's functions are
 * in no digest: change them together with the view's version, or serve under another `name`.
 */
export const run = Effect.fnUntraced(function* <State, Output>(
  view: View<State, Output>,
  table: Table.TableSpec<Output>,
  options?: ServedRecord.ServedOptions
): Effect.fn.Return<RunningServing, ViewError, Scope.Scope | Broker> {
  const namespace = options?.namespace === undefined ? {} : { namespace: options.namespace }
  const output = yield* Outputs.open(view, options?.namespace)
  const topic = yield* ServedTopic.open(view, options)
  const sink = yield* ServedSink.claim(view, topic, options?.namespace)
  const changes = ServedChanges.make(table, sink)
  const through = yield* SubscriptionRef.make(sink.through)
  const failed = yield* Deferred.make<never, ViewError>()
  const arrived = Latch.makeUnsafe()
  const space = Latch.makeUnsafe(true)

  /** What the table's functions and the codec throw. */
  const guarded = <A>(partition: number, inSequence: number, evaluate: () => A) =>
    Effect.try({
      try: evaluate,
      catch: (defect) =>
        new ViewError({ view: view.id, partition, reason: new FoldFailed({ inSequence, defect }) })
    })

  const offer = Effect.fnUntraced(function* (committed: Outputs.Committed) {
    const { commit, outSequence, partition } = committed
    if (changes.size() >= pendingMax) yield* space.await
    yield* guarded(partition, commit.inSequence, () =>
      changes.offer(Outputs.decode(view, committed), outSequence, commit.chain)
    )
    if (changes.size() >= pendingMax) yield* space.close
    yield* arrived.open
  })

  // A reader that lost its connection goes on behind the last commit it saw.
  const collect = Effect.suspend(() =>
    Stream.runForEachArray(Outputs.follow(view, { ...namespace, from: changes.offered() + 1 }), (commits) =>
      Effect.forEach(commits, offer, { discard: true })
    )
  ).pipe(
    Effect.retry({
      schedule: backoff,
      while: ({ reason }) => reason._tag === "BrokerFailed" && reason.error.isTransient
    }),
    Effect.andThen(Effect.die(new Error("the broker ended a follow")))
  )

  let written = { through: sink.through, chain: sink.chain }
  const writeOnce = Effect.gen(function* () {
    yield* arrived.await
    yield* arrived.close
    const generation = yield* guarded(-1, 0, changes.take)
    yield* space.open
    if (generation === undefined) return
    const batches = ServedChanges.cut(generation.rows, batchLimits)
    const last = batches.pop() ?? []
    for (const rows of batches) yield* sink.write(rows, written)
    written = { through: generation.through, chain: generation.chain }
    yield* sink.write(last, written)
    yield* SubscriptionRef.set(through, generation.through)
  })
  yield* Effect.raceFirst(collect, Effect.forever(writeOnce)).pipe(
    Effect.onExit((exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit)) Deferred.doneUnsafe(failed, Exit.failCause(exit.cause))
      })
    ),
    Effect.exit,
    Effect.forkScoped
  )

  const caughtUp = Effect.fnUntraced(function* (outSequence?: number) {
    const wanted =
      outSequence ?? (yield* Effect.mapError(retrying(output.info), brokerFailed(view.id, -1))).lastSequence
    yield* Effect.raceFirst(
      Stream.runDrain(
        SubscriptionRef.changes(through).pipe(
          Stream.filter((reached) => reached >= wanted),
          Stream.take(1)
        )
      ),
      Deferred.await(failed)
    )
  })

  return {
    topic: topic.name,
    through: SubscriptionRef.get(through),
    caughtUp,
    failure: Deferred.await(failed)
  }
})

/** Opens a served table for readers: what answers requests does it once. The functions of this module open it at each call. */
export const reader = ServedReader.open

/** `Reader.rows` */
export const rows = <State, Output>(
  view: View<State, Output>,
  options?: ServedRecord.ServedOptions
): Effect.Effect<ServedReader.ServedTable, ViewError, Broker> =>
  Effect.flatMap(reader(view, options), (reader) => reader.rows)

/** `Reader.row` */
export const row = <State, Output>(
  view: View<State, Output>,
  key: string,
  options?: ServedRecord.ServedOptions
): Effect.Effect<Table.Row | undefined, ViewError, Broker> =>
  Effect.flatMap(reader(view, options), (reader) => reader.row(key))

/** `Reader.follow` */
export const follow = <State, Output>(
  view: View<State, Output>,
  options?: ServedRecord.ServedOptions & { readonly from?: number }
): Stream.Stream<ServedReader.RowChange, ViewError, Broker> =>
  Stream.unwrap(Effect.map(reader(view, options), (reader) => reader.follow(options?.from)))
