import { Actor, type ActorSystem, Mailbox, Message, Supervision } from "@troupe/runtime"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** A handler failed; what with is the worker's business. Here for whoever inspects the actors. */
class JobFailed extends Schema.TaggedError<JobFailed>()("JobFailed", { cause: Schema.String }) {
  override get message() {
    return this.cause
  }
}

/** Tells a slot to run the handler for a job. */
class RunJob extends Message.Class<RunJob>()("RunJob", {
  payload: { jobId: Schema.String, sequence: Schema.Int, attempt: Schema.Int },
  error: JobFailed
}) {}

/** Which attempt at which job. */
interface Attempt {
  readonly jobId: string
  readonly sequence: number
  readonly attempt: number
}

/** An actor that runs handlers one at a time, so that inspection shows what each worker does and what crashed it. */
export interface Slot {
  /** How the handler ended. Interruption interrupts the handler and waits until it has ended. */
  readonly run: <E>(attempt: Attempt, handler: Effect.Effect<void, E>) => Effect.Effect<Exit.Exit<void, E>>
}

interface Work {
  readonly handler: Effect.Effect<void, JobFailed>
  begun: boolean
}

/** A crash costs the attempt, not the slot: it is built anew after at most a second, however often. */
const supervision = Supervision.restart({
  parkAfter: 1,
  schedule: Schedule.min([Schedule.exponential("10 millis"), Schedule.spaced("1 second")])
})

/** Starts a slot: the actor `queue/<queue>`, `id`. */
export const spawnSlot = Effect.fnUntraced(function* (
  queue: string,
  id: string
): Effect.fn.Return<Slot, never, ActorSystem | Scope.Scope> {
  const works = new Map<number, Work>()
  const actor = Actor.make(`queue/${queue}`, [RunJob])
  const handlers = actor.of({
    RunJob: ({ sequence }) =>
      Effect.suspend(() => {
        const work = works.get(sequence)
        if (work === undefined) return Effect.void
        work.begun = true
        return work.handler
      })
  })
  const ref = yield* actor.spawn(id, handlers, {
    mailbox: Mailbox.bounded(1),
    supervision,
    drain: 0
  })

  const run: Slot["run"] = Effect.fnUntraced(function* <E>(
    attempt: Attempt,
    handler: Effect.Effect<void, E>
  ) {
    const stop = yield* Deferred.make<never>()
    const ended = yield* Deferred.make<Exit.Exit<void, E>>()
    const work: Work = {
      begun: false,
      handler: handler.pipe(
        Effect.raceFirst(Deferred.await(stop)),
        Effect.onExit((exit) => Deferred.succeed(ended, exit)),
        Effect.catchCause((cause) =>
          Cause.hasDies(cause)
            ? Effect.failCause(cause as Cause.Cause<never>)
            : Effect.fail(new JobFailed({ cause: Cause.pretty(cause) }))
        )
      )
    }
    works.set(attempt.sequence, work)
    return yield* ref.ask(new RunJob(attempt)).pipe(
      Effect.exit,
      // Not begun means that the slot was stopped: nobody's fault, so nobody's failure.
      Effect.flatMap(() => (work.begun ? Deferred.await(ended) : Effect.succeed(Exit.interrupt()))),
      Effect.onInterrupt(() =>
        work.begun ? Effect.andThen(Deferred.interrupt(stop), Deferred.await(ended)) : Effect.void
      ),
      Effect.ensuring(Effect.sync(() => works.delete(attempt.sequence)))
    )
  })

  return { run }
})
