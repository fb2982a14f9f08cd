import type { Topic } from "@troupe/broker"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Checkpoints } from "./Checkpoints.ts"
import * as Processor from "./Processor.ts"
import * as Progress from "./Progress.ts"
import { Checkpoint, Start, Stop } from "./Protocol.ts"
import * as Router from "./Router.ts"
import type { PartitionStatus, RunningView } from "./RunningView.ts"
import type { Throttle } from "./Throttle.ts"
import { brokerFailed, retrying } from "./Transient.ts"
import type { View } from "./View.ts"
import { Stopped, ViewError } from "./ViewError.ts"

/** What a run is made of, with the topics open. */
export interface Plan<State, Output> {
  readonly view: View<State, Output>
  readonly actor: string
  readonly input: Topic
  readonly output: Topic
  readonly checkpoints: Checkpoints
  readonly partitions: ReadonlyArray<number>
  /** The number of partitions where the run owns all of them. */
  readonly whole: number | undefined
  readonly chunkRecords: number
  readonly chunkBytes: number
  readonly checkpointRecords: number
  readonly throttle: Throttle | undefined
}

interface Waiter {
  readonly sequence: number
  readonly reached: Deferred.Deferred<void>
}

/** Starts the processors, reads for them, and watches over them until the scope closes. */
export const start = Effect.fnUntraced(function* <State, Output>(plan: Plan<State, Output>) {
  const { actor, input, partitions, view } = plan
  const failed = yield* Deferred.make<never, ViewError>()
  const scope = yield* Scope.fork(yield* Effect.scope)
  const boards = partitions.map(Processor.board)
  const cursor: Router.Cursor = { read: 0, routed: 0 }
  let waiters: Array<Waiter> = []

  const fail = (cause: Cause.Cause<ViewError>) => Deferred.doneUnsafe(failed, Exit.failCause(cause))
  const orFailed = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | ViewError> =>
    Effect.raceFirst(effect, Deferred.await(failed))

  const settledTo = (): number =>
    Math.min(
      ...boards.map((board) =>
        board.waiting === 0 && board.isIdle ? Math.max(board.settled, cursor.routed) : board.settled
      )
    )

  const notify = (): void => {
    if (waiters.length === 0) return
    const settled = settledTo()
    const reached = waiters.filter((waiter) => waiter.sequence <= settled)
    if (reached.length === 0) return
    // Before anybody is told: who was waiting goes on at once, and may wait again.
    waiters = waiters.filter((waiter) => waiter.sequence > settled)
    for (const waiter of reached) Deferred.doneUnsafe(waiter.reached, Exit.void)
  }

  const host: Processor.Host<State, Output> = {
    view,
    output: plan.output,
    checkpoints: plan.checkpoints,
    cutting: { chunkRecords: plan.chunkRecords, chunkBytes: plan.chunkBytes },
    checkpointRecords: plan.checkpointRecords,
    onProgress: notify,
    onFailure: fail
  }
  const processors = yield* Effect.forEach(boards, (board) =>
    Effect.map(Scope.provide(Processor.spawn(host, actor, board), scope), (ref) => ({ board, ref }))
  )

  // An ask of a processor that is gone means that the view has failed or was stopped, and that says why.
  const answered = <A>(effect: Effect.Effect<A, ViewError | { readonly _tag: "AskError" }>) =>
    Effect.catchTag(effect, "AskError", () => Deferred.await(failed))

  const lanes = yield* Effect.forEach(
    processors,
    ({ board, ref }) => Effect.map(answered(ref.ask(new Start())), (after) => ({ board, ref, after })),
    { concurrency: 8 }
  )
  const { throttle, whole } = plan
  const router = yield* Router.run({
    view: view.id,
    input,
    lanes,
    whole,
    cursor,
    throttle,
    onRouted: notify
  }).pipe(
    Effect.catchTag("BrokerError", (error) => Effect.fail(brokerFailed(view.id, -1)(error))),
    Effect.tapCause((cause) => Effect.sync(() => fail(cause))),
    Effect.raceFirst(Deferred.await(failed)),
    Effect.exit,
    Effect.forkIn(scope)
  )

  const verdict = <A>(effect: Effect.Effect<A, Parameters<ReturnType<typeof brokerFailed>>[0]>) =>
    Effect.mapError(retrying(effect), brokerFailed(view.id, -1))

  const reach = (sequence: number) =>
    Effect.suspend(() => {
      if (settledTo() >= sequence) return Effect.void
      const waiter = { sequence, reached: Deferred.makeUnsafe<void>() }
      waiters.push(waiter)
      return Deferred.await(waiter.reached).pipe(
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            waiters = waiters.filter((other) => other !== waiter)
          })
        )
      )
    })

  const filters = partitions.flatMap(Router.filtersOf)

  /** The router hears nothing of records on other subjects: those up to `sequence` count as routed when no other is there. */
  const pass = Effect.fnUntraced(function* (sequence: number) {
    const { routed } = cursor
    if (routed >= sequence || routed === 0) return
    const next = yield* verdict(
      Stream.runCount(input.read({ from: routed + 1, to: sequence, filters, limit: 1 }))
    )
    if (next > 0) return
    cursor.routed = Math.max(cursor.routed, sequence)
    notify()
  })

  const lastSequence = Effect.map(verdict(input.info), (info) => info.lastSequence)

  const caughtUp = (sequence?: number) =>
    orFailed(
      Effect.gen(function* () {
        const wanted = sequence ?? (yield* lastSequence)
        if (wanted > (yield* lastSequence)) {
          yield* verdict(Stream.runDrain(Stream.take(input.follow({ from: wanted }), 1)))
        }
        // The router passes `wanted` with the next record that concerns it, or `pass` finds that there is none before.
        const idle = pass(wanted).pipe(Effect.repeat(Schedule.spaced("50 millis")))
        yield* Effect.raceFirst(reach(wanted), idle)
      })
    )

  const sample = Effect.gen(function* () {
    const total = yield* lastSequence
    yield* pass(total)
    const busy = boards.filter((board) => board.waiting > 0 || !board.isIdle)
    const done = Math.min(total, cursor.read, ...busy.map((board) => board.settled))
    return {
      timeMillis: yield* Clock.currentTimeMillis,
      done: Math.max(done, Math.min(total, settledTo())),
      total
    }
  })

  const progress = (every: Duration.Input = "250 millis") =>
    // The failure first: where the broker answers at once, a sample would win every race.
    Stream.fromEffectSchedule(Effect.raceFirst(Deferred.await(failed), sample), Schedule.spaced(every)).pipe(
      Stream.mapAccum(
        (): ReadonlyArray<Progress.Sample> => [],
        (samples, next) => {
          const kept = Progress.record(samples, next)
          return [kept, [Progress.estimate(kept)]] as const
        }
      )
    )

  const checkpoint = orFailed(
    Effect.forEach(processors, ({ ref }) => answered(ref.ask(new Checkpoint())), { discard: true })
  )

  const stop = Effect.gen(function* () {
    yield* Fiber.interrupt(router)
    yield* orFailed(Effect.forEach(processors, ({ ref }) => answered(ref.ask(new Stop())), { discard: true }))
    yield* Deferred.fail(failed, new ViewError({ view: view.id, partition: -1, reason: new Stopped() }))
    yield* Scope.close(scope, Exit.void)
  })

  const position = Effect.sync(() =>
    boards.map(({ partition, position, replayed, snapshot }): PartitionStatus => {
      const { inSequence, outputs, outSequence, records } = position
      return { partition, inSequence, records, outputs, outSequence, replayed, snapshot }
    })
  )

  return {
    id: view.id,
    actor,
    outputTopic: plan.output.name,
    position,
    caughtUp,
    progress,
    checkpoint,
    failure: Deferred.await(failed),
    stop
  } satisfies RunningView
})
