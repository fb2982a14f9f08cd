/**
 * Workers of a queue: every job is settled by its handler's outcome, tried again by a policy, or put aside as a dead letter.
 */
import { type Broker, type BrokerError, Consumer, type Delivery, type TopicRecord } from "@troupe/broker"
import type { ActorSystem } from "@troupe/runtime"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as IdleSlots from "effect/Queue"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { delayAfter, standard } from "./Backoff.ts"
import { type DeadLetterReason, deadLetterRequest } from "./DeadLetter.ts"
import { decodeJob, type Job, jobIdOf } from "./Job.ts"
import { Permanent, RetryAfter } from "./JobFailure.ts"
import type { Lane } from "./Lane.ts"
import type { OpenQueue, Queue } from "./Queue.ts"
import { type Slot, spawnSlot } from "./Slot.ts"
import { makeUpkeep } from "./Upkeep.ts"

/** How to work on a queue. */
export interface WorkerOptions<A, E, R> {
  /**
   * Does one job; its success is the acknowledgement. It may run more than once for a job, so what it does must bear
   * repeating: pass `job.id` on to services that de-duplicate. Fail with `Permanent` when another attempt cannot help, with
   * `RetryAfter` when it knows when.
   */
  readonly handler: (job: Job<A>) => Effect.Effect<unknown, E, R>
  /** Jobs at the same time in this worker; default 1, for an ordered queue one a lane. */
  readonly concurrency?: number
  /** When to try again, by attempts; when it ends the job is a dead letter. Default: 1 s, 2 s, 4 s … 5 minutes, ± 20 %. */
  readonly retry?: Schedule.Schedule<unknown, E>
  /** Which failures another attempt cannot mend, beside `Permanent`. */
  readonly isPermanent?: (error: E) => boolean
  /** On stop: how long running handlers may take before they are interrupted and their jobs given back; default 10 s. */
  readonly drainWithin?: Duration.Input
  /** How often abandoned jobs are looked for and settled ones removed; default 30 s. */
  readonly upkeepEvery?: Duration.Input
  /** Names its actors, `<name>/1` …; unique among the workers of this queue in a process. Default `worker`. */
  readonly name?: string
}

type Verdict =
  | { readonly _tag: "Again"; readonly delay: Duration.Input }
  | { readonly _tag: "Dead"; readonly reason: DeadLetterReason }

const brokerBack = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered
)

/** Repeats while the broker cannot answer. */
const persistently = <A>(effect: Effect.Effect<A, BrokerError>) =>
  Effect.retry(effect, { while: (error) => error.isTransient, schedule: brokerBack })

/** What becomes of a job after a failure of its handler. */
const judge = Effect.fnUntraced(function* <A, E, R>(
  options: WorkerOptions<A, E, R>,
  cause: Cause.Cause<E>,
  attempt: number,
  attemptsMax: number
): Effect.fn.Return<Verdict> {
  const error = Cause.findErrorOption(cause)
  if (Option.isSome(error)) {
    const failure: unknown = error.value
    if (failure instanceof Permanent || options.isPermanent?.(error.value) === true) {
      return { _tag: "Dead", reason: "permanent" }
    }
    if (attempt < attemptsMax && failure instanceof RetryAfter) {
      return { _tag: "Again", delay: failure.delayMillis }
    }
  }
  if (attempt >= attemptsMax) return { _tag: "Dead", reason: "attempts" }
  // A defect has no error to show to the schedule; its delays are the same.
  const delay = yield* delayAfter(
    options.retry ?? standard,
    attempt,
    Option.getOrElse(error, () => Cause.squash(cause)) as E
  )
  return Option.isSome(delay) ? { _tag: "Again", delay: delay.value } : { _tag: "Dead", reason: "attempts" }
})

/** Appends the dead letter; one that is there already is the same one. */
const bury = (
  open: Pick<OpenQueue<never>, "name" | "topic" | "deadLetterTopic">,
  lane: Lane,
  letter: {
    readonly record: TopicRecord
    readonly reason: DeadLetterReason
    readonly cause: string
    readonly attempts: number
  }
) =>
  persistently(
    open.deadLetterTopic.append(
      deadLetterRequest({ topic: open.topic.name, subscription: lane.subscription.name, ...letter })
    )
  ).pipe(
    Effect.catchReason("BrokerError", "Conflict", () => Effect.void),
    Effect.andThen(
      Effect.logWarning(
        `Job ${jobIdOf(letter.record)} of ${open.name} is a dead letter (${letter.reason}): ${letter.cause}`
      )
    )
  )

/** Runs jobs in actors, as many as there are, one at a time each. */
const makeSlots = Effect.fnUntraced(function* (
  queue: string,
  name: string,
  count: number
): Effect.fn.Return<Slot, never, ActorSystem | Scope.Scope> {
  const idle = yield* IdleSlots.unbounded<Slot>()
  for (let i = 1; i <= count; i++) yield* IdleSlots.offer(idle, yield* spawnSlot(queue, `${name}/${i}`))
  return {
    run: (attempt, handler) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(IdleSlots.take(idle)), (slot) =>
          Effect.ensuring(restore(slot.run(attempt, handler)), IdleSlots.offer(idle, slot))
        )
      )
  }
})

/**
 * Works on a queue until it is interrupted, or the broker fails for good.
 *
 * Interrupted, it takes no more jobs, gives back at once what it had not begun, lets running handlers end within
 * `drainWithin`, then interrupts them and gives their jobs back.
 */
export const run = Effect.fnUntraced(function* <A, E, R>(
  queue: Queue<A>,
  options: WorkerOptions<A, E, R>
): Effect.fn.Return<never, BrokerError, Broker | ActorSystem | R> {
  const open = yield* queue.open
  const context = yield* Effect.context<R>()
  const concurrency = options.concurrency ?? (queue.ordered ? queue.lanes.length : 1)

  return yield* Effect.scoped(
    Effect.gen(function* () {
      const slots = yield* makeSlots(queue.name, options.name ?? "worker", concurrency)

      const handle = (lane: Lane) =>
        Effect.fnUntraced(function* ({ attempt, record }: Delivery) {
          const give = (reason: DeadLetterReason, cause: string) =>
            Effect.as(bury(open, lane, { record, reason, cause, attempts: attempt }), Consumer.reject(reason))
          const job = decodeJob(record, queue.codec, attempt, queue.maxAttempts)
          if (Result.isFailure(job)) return yield* give("undecodable", job.failure)
          const exit = yield* slots.run(
            { jobId: job.success.id, sequence: record.sequence, attempt },
            Effect.suspend(() => options.handler(job.success)).pipe(Effect.asVoid, Effect.provide(context))
          )
          if (exit._tag === "Success") return Consumer.ack
          if (Cause.hasInterruptsOnly(exit.cause)) return Consumer.retry(0)
          const verdict = yield* judge(options, exit.cause, attempt, queue.maxAttempts)
          return verdict._tag === "Again"
            ? Consumer.retry(verdict.delay)
            : yield* give(verdict.reason, Cause.prettyErrors(exit.cause).map(String).join("; "))
        })

      const consume = (lane: Lane) =>
        Consumer.run({
          topic: open.topic,
          subscription: lane.subscription,
          concurrency: queue.ordered ? 1 : concurrency,
          handle: handle(lane),
          onFailure: (cause) => Effect.failCause(cause),
          drainWithin: options.drainWithin ?? "10 seconds"
        })

      const upkeep = (lane: Lane, index: number) => {
        const subscription = open.subscriptions[index]
        if (subscription === undefined)
          return Effect.die(`lane ${index} of ${queue.name} has no subscription`)
        const round = makeUpkeep({
          topic: open.topic,
          filter: lane.filter,
          subscription,
          keepMillis: Duration.toMillis(queue.dedupeWindow),
          bury: (record) =>
            bury(open, lane, {
              record,
              reason: "abandoned",
              cause: "Its worker died, or was stopped, in the last attempt.",
              attempts: queue.maxAttempts
            })
        })
        return Effect.andThen(persistently(round), Effect.sleep(options.upkeepEvery ?? "30 seconds")).pipe(
          Effect.forever
        )
      }

      return yield* Effect.raceFirst(
        Effect.forEach(queue.lanes, consume, { concurrency: "unbounded" }),
        Effect.forEach(queue.lanes, upkeep, { concurrency: "unbounded" })
      ).pipe(Effect.andThen(Effect.never))
    })
  )
})

/**
 * Works on a queue for as long as the layer lives.
 *
 * The layer fails when the queue cannot be opened. Later failures are logged, and work begins anew after at most 5 s.
 */
export const layer = <A, E, R>(
  queue: Queue<A>,
  options: WorkerOptions<A, E, R>
): Layer.Layer<never, BrokerError, Broker | ActorSystem | R> =>
  Layer.effectDiscard(
    Effect.andThen(
      queue.open,
      run(queue, options).pipe(
        Effect.tapCause((cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.void
            : Effect.logError(`The worker of ${queue.name} failed; it starts again.`, cause)
        ),
        Effect.sandbox,
        Effect.retry({ while: (cause) => !Cause.hasInterruptsOnly(cause), schedule: brokerBack }),
        Effect.forkScoped
      )
    )
  )
