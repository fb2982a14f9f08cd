import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { ActorContext } from "./ActorContext.ts"
import type { ActorRef } from "./ActorRef.ts"
import { ActorSystem } from "./ActorSystem.ts"
import * as Mailbox from "./Mailbox.ts"
import type * as Message from "./Message.ts"
import type { HandlerTable, Registration } from "./Registration.ts"
import * as Supervision from "./Supervision.ts"

/** One handler for every message of the protocol `M`, by tag: it answers with the success, or fails with the domain error. */
export type Handlers<M extends Message.Any, R> = {
  readonly [A in M as A["_tag"]]: (message: A) => Effect.Effect<Message.Success<A>, Message.Error<A>, R>
}

/** The services that handlers use. */
export type Services<H> = { readonly [K in keyof H]: ServicesOf<H[K]> }[keyof H]

type ServicesOf<Handler> = Handler extends (message: never) => infer Answer
  ? [Answer] extends [never]
    ? never
    : Answer extends Effect.Effect<infer _A, infer _E, infer R>
      ? R
      : never
  : never

/** Of the services `R`, those that the runtime does not provide itself. */
export type Required<R> = Exclude<R, Scope.Scope | ActorContext>

type Exactly<H, M extends Message.Any> = H & { readonly [K in Exclude<keyof H, M["_tag"]>]: never }

/** How an actor runs. */
export interface Options {
  /** Default `Mailbox.bounded(1024)`. */
  readonly mailbox?: Mailbox.Mailbox
  /** Default `Supervision.standard`: ten restarts with backoff. */
  readonly supervision?: Supervision.Supervision
  /** How long a stop lets the mailbox drain before it interrupts the handler and turns the rest into dead letters; default 5 seconds. */
  readonly drain?: Duration.Input
}

/** A kind of actor: its name and its protocol. It never says where it runs; layers do. */
export interface Actor<out Name extends string, in out M extends Message.Any> {
  readonly name: Name
  readonly messages: ReadonlyArray<Message.AnyClass>

  /** Handlers, checked: one missing, one too many or a wrong answer does not compile. */
  readonly of: <H extends Handlers<M, unknown>>(handlers: Exactly<H, M>) => H

  /**
   * Hosts virtual actors of this kind: each id is activated by its first message, by running `build` once.
   *
   * `build` makes the state (a closure, usually) and answers the handlers; a restart runs it again. It and the handlers may
   * use `ActorContext`, and `Scope`: the incarnation's, closed on restart, passivation and stop. So `forkScoped` in `build` runs
   * beside the actor, and what a handler should not keep needs `Effect.scoped`. A failing `build` is a crash. Other services become requirements of the layer.
   * `passivateAfter`: an actor that is idle this long leaves memory; default never.
   */
  readonly toLayer: <H extends Handlers<M, unknown>, E = never, R = never>(
    build: Effect.Effect<H, E, R> | H,
    options?: Options & { readonly passivateAfter?: Duration.Input }
  ) => Layer.Layer<never, never, ActorSystem | Required<R | Services<H>>>

  /**
   * Runs one actor of this kind from now on until the scope closes: what libraries use for a worker that they own.
   *
   * It is built at once (in the background), is not passivated, and is found by `ref(id)` too. Once its supervision gives up or the scope
   * closes it is gone: later messages are dead letters. Spawning an id that runs already is a defect.
   */
  readonly spawn: <H extends Handlers<M, unknown>, E = never, R = never>(
    id: string,
    build: Effect.Effect<H, E, R> | H,
    options?: Options
  ) => Effect.Effect<ActorRef<M>, never, ActorSystem | Scope.Scope | Required<R | Services<H>>>

  /** The address of one actor; neither makes nor checks it. */
  readonly ref: (id: string) => Effect.Effect<ActorRef<M>, never, ActorSystem>

  /** The address of the actor whose build or handler runs this. */
  readonly self: Effect.Effect<ActorRef<M>, never, ActorSystem | ActorContext>
}

const registration = (
  actor: string,
  build: Effect.Effect<HandlerTable, unknown, never> | HandlerTable,
  options: (Options & { readonly passivateAfter?: Duration.Input }) | undefined
): Effect.Effect<Registration> =>
  Effect.contextWith((context) =>
    Effect.succeed({
      actor,
      build: Effect.isEffect(build) ? build : Effect.succeed(build),
      context,
      mailbox: options?.mailbox ?? Mailbox.bounded(1024),
      supervision: options?.supervision ?? Supervision.standard,
      passivateAfterMillis:
        options?.passivateAfter === undefined ? undefined : Duration.toMillis(options.passivateAfter),
      drainMillis: Duration.toMillis(options?.drain ?? "5 seconds")
    })
  )

/**
 * Declares a kind of actor by name and protocol.
 *
 * The name is stable: journals and inspection use it. Two message classes with one tag throw `TypeError`.
 *
 * ```ts
 * const Account = Actor.make("bank/Account", [Deposit, Withdraw])
 * ```
 */
export const make = <const Name extends string, const Classes extends ReadonlyArray<Message.AnyClass>>(
  name: Name,
  messages: Classes
): Actor<Name, Classes[number]["Type"]> => {
  const tags = messages.map((message) => message.identifier)
  const twice = tags.find((tag, index) => tags.indexOf(tag) !== index)
  if (twice !== undefined) throw new TypeError(`Actor.make("${name}"): two messages have the tag "${twice}"`)
  const ref = (id: string) => Effect.map(ActorSystem, (system) => system.ref(name, id))
  const actor: Actor<Name, Message.Any> = {
    name,
    messages,
    of: (handlers) => handlers,
    toLayer: (build, options) =>
      Layer.effectDiscard(
        Effect.flatMap(registration(name, build as never, options), (it) =>
          Effect.flatMap(ActorSystem, (system) => system.host(it))
        )
      ) as never,
    spawn: (id, build, options) =>
      Effect.flatMap(registration(name, build as never, options), (it) =>
        Effect.flatMap(ActorSystem, (system) => Effect.as(system.spawn(it, id), system.ref(name, id)))
      ) as never,
    ref,
    self: Effect.flatMap(ActorContext, (context) => ref(context.id))
  }
  return actor as never
}
