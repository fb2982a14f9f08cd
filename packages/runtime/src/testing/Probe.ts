import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Actor from "../Actor.ts"
import type { ActorRef } from "../ActorRef.ts"
import { ActorSystem } from "../ActorSystem.ts"
import * as Mailbox from "../Mailbox.ts"
import type * as Message from "../Message.ts"
import * as Supervision from "../Supervision.ts"
import type { ExpectationFailed } from "./ExpectationFailed.ts"
import { Recorder, type Within } from "./Recorder.ts"

/** A message that a probe got. */
export interface Expected<A extends Message.Any> {
  readonly message: A
  /** Answers it; only the first answer counts. */
  readonly reply: (success: Message.Success<A>) => Effect.Effect<void>
  /** Answers it with its domain error. */
  readonly fail: (error: Message.Error<A>) => Effect.Effect<void>
}

/** An actor that does nothing but record what it gets. */
export interface Probe<in out M extends Message.Any> {
  readonly ref: ActorRef<M>
  /**
   * The next message, which must be of this class (or have this tag); fails with `ExpectationFailed` when another one comes
   * first, or none in time.
   */
  readonly expect: {
    <A extends M>(
      message: { readonly identifier: string; readonly Type: A },
      options?: Within
    ): Effect.Effect<Expected<A>, ExpectationFailed>
    <Tag extends M["_tag"]>(
      tag: Tag,
      options?: Within
    ): Effect.Effect<Expected<Extract<M, { readonly _tag: Tag }>>, ExpectationFailed>
  }
  /** Lets this time pass, and fails when a message comes that nobody has expected. Default 0: no time passes. */
  readonly expectNothing: (within?: Duration.Input) => Effect.Effect<void, ExpectationFailed>
  /** All messages so far, in order, once nothing is ready to run any more. */
  readonly received: Effect.Effect<ReadonlyArray<M>>
}

/** Answers to some messages of a protocol, by tag. */
export type Replies<M extends Message.Any, R> = Partial<Actor.Handlers<M, R>>

/** More than any test sends. */
const mailbox = Mailbox.bounded(1_000_000)

/**
 * Runs a probe of this protocol until the scope closes: pass its `ref`, or give it the `id` that the code under test looks up.
 *
 * It is an actor like any other and handles one message at a time. A message whose answer is `void` is answered at once, one
 * with an entry in `replies` by that; any other holds the probe until the test answers it with `reply` or `fail` of what `expect` gave.
 * So give `replies` for what is only told and has an answer.
 */
export const probe = <Name extends string, M extends Message.Any, R = never>(
  actor: Actor.Actor<Name, M>,
  options?: { readonly id?: string; readonly replies?: Replies<M, R> }
): Effect.Effect<Probe<M>, never, ActorSystem | Scope.Scope | Actor.Required<R>> =>
  Effect.gen(function* () {
    const id = options?.id ?? (yield* nextId)
    /** What the probe was asked and has not answered. */
    let held: M | undefined
    const recorder = new Recorder<Expected<M>>(
      `probe ${actor.name}/${id}`,
      ({ message }) => message,
      () => (held === undefined ? "" : ` It waits for the test to answer ${held._tag} (or give \`replies\`).`)
    )
    const replies = (options?.replies ?? {}) as {
      readonly [tag: string]: ((message: M) => Effect.Effect<unknown, unknown>) | undefined
    }
    const handlers: { [tag: string]: (message: M) => Effect.Effect<unknown, unknown> } = {}
    for (const { identifier: tag, success } of actor.messages) {
      handlers[tag] = (message) => {
        const answer = Deferred.makeUnsafe<unknown, unknown>()
        recorder.push({
          message,
          reply: (value) => Effect.asVoid(Deferred.succeed(answer, value)),
          fail: (error) => Effect.asVoid(Deferred.fail(answer, error))
        })
        const reply = replies[tag]
        if (reply !== undefined) return reply(message)
        if (success === Schema.Void) return Effect.void
        held = message
        const answered = Effect.sync(() => {
          held = undefined
        })
        return Effect.ensuring(Deferred.await(answer), answered)
      }
    }
    const ref = yield* actor.spawn(id, handlers as never, {
      mailbox,
      supervision: Supervision.resume,
      drain: 0
    })
    const expect = (what: string | { readonly identifier: string }, { within = 0 }: Within = {}) => {
      const tag = typeof what === "string" ? what : what.identifier
      const is = (value: Expected<M>): value is Expected<M> => value.message._tag === tag
      return recorder.next(tag, is, within)
    }
    return {
      ref,
      expect: expect as Probe<M>["expect"],
      expectNothing: (within = 0) => recorder.expectNothing(within),
      received: Effect.map(recorder.received, (all) => all.map(({ message }) => message))
    }
  }) as never

/** Ids are counted a system, so that the same run of a scenario has the same ones. */
const counts = new WeakMap<object, number>()
const nextId = Effect.map(ActorSystem, (system) => {
  const count = (counts.get(system) ?? 0) + 1
  counts.set(system, count)
  return `probe-${count}`
})
