import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { ActorContext, type LifeOf } from "./ActorContext.ts"
import type { ActorRef, AnyRef } from "./ActorRef.ts"
import { ActorSystem } from "./ActorSystem.ts"
import type * as Mailbox from "./Mailbox.ts"
import type * as Message from "./Message.ts"
import { operation } from "./Operation.ts"
import { registrationOf } from "./Registration.ts"
import type * as Supervision from "./Supervision.ts"

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
export interface Options<in M extends Message.Any = Message.Any> {
  /** Default `Mailbox.bounded(1024)`. */
  readonly mailbox?: Mailbox.Mailbox<M>
  /** Default `Supervision.standard`: ten restarts with backoff. */
  readonly supervision?: Supervision.Supervision
  /** How long a stop lets the mailbox drain before it interrupts the handler and turns the rest into dead letters; default 5 seconds. */
  readonly drain?: Duration.Input
  /** Whom the crash of one of its children concerns: that child (the default), all children, or those spawned after it. */
  readonly children?: Supervision.Strategy
  /**
   * Re-entrancy: how many handlers of one actor may run at the same time; default 1. Above it, a handler that suspends lets the next
   * message begin. Messages begin in order, answers come as they come, a crash interrupts the other handlers, and a message is
   * never tried again. Throws `RangeError` below 1, and above 1 for an event-sourced actor: it decides one command at a time.
   */
  readonly concurrency?: number
  /** How many messages the actor may put aside with `stash`; default 1024. */
  readonly stashCapacity?: number
}

/** How virtual actors leave memory. */
export interface Passivation {
  /** An actor that is idle this long leaves memory; default never. */
  readonly passivateAfter?: Duration.Input
  /** At most this many actors stay in memory: beyond it the least recently used idle ones leave. Those at work stay; default no bound. */
  readonly activeMax?: number
}

/** What builds the handlers of one life: an effect, a function, or the handlers themselves where there is no state. */
export type Build<H, E, R> = Effect.Effect<H, E, R> | (() => H) | H

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
   * use `ActorContext`, and `Scope`: this life's, closed on restart, passivation and stop. So `forkScoped` in `build` runs
   * beside the actor, and what a handler should not keep needs `Effect.scoped`. A failing `build` is a crash. Other services become requirements of the layer.
   * A plain function is the cheapest build: it needs no fiber.
   */
  readonly toLayer: <H extends Handlers<M, unknown>, E = never, R = never>(
    build: Build<H, E, R>,
    options?: Options<M> & Passivation
  ) => Layer.Layer<never, never, ActorSystem | Required<R | Services<H>>>

  /**
   * Runs one actor of this kind from now on until the scope closes: what libraries use for a worker that they own.
   *
   * It is built at once (in the background), is not passivated, and is found by `ref(id)` too. Once its supervision gives up or the scope
   * closes it is gone: later messages are dead letters. Spawning an id that runs already, spawned or activated by its host, is a
   * defect; one that still stops is waited for.
   *
   * In the scope of another actor's life (its build, a handler) it becomes a child of that actor: its supervision may escalate to
   * the parent, and it stops before the parent does. In a scope of its own (`Effect.scoped`) it is nobody's child.
   */
  readonly spawn: <H extends Handlers<M, unknown>, E = never, R = never>(
    id: string,
    build: Build<H, E, R>,
    options?: Options<M>
  ) => Effect.Effect<ActorRef<M>, never, ActorSystem | Scope.Scope | Required<R | Services<H>>>

  /** The address of one actor; neither makes nor checks it. */
  readonly ref: (id: string) => Effect.Effect<ActorRef<M>, never, ActorSystem>

  /** The same for a child of the actor whose build or handler runs this, under the id `<id of the parent>/<name>`. */
  readonly spawnChild: <H extends Handlers<M, unknown>, E = never, R = never>(
    name: string,
    build: Build<H, E, R>,
    options?: Options<M>
  ) => Effect.Effect<ActorRef<M>, never, ActorSystem | ActorContext | Scope.Scope | Required<R | Services<H>>>

  /** What the actor whose build or handler runs this knows of itself and can do with itself; a defect inside another kind of actor. */
  readonly context: Effect.Effect<LifeOf<M>, never, ActorContext>

  /** The address of the actor whose build or handler runs this; a defect inside another kind of actor. */
  readonly self: Effect.Effect<ActorRef<M>, never, ActorSystem | ActorContext>

  /** True for an address of this kind of actor. */
  readonly is: (ref: AnyRef | undefined) => ref is ActorRef<M>
}

/** Looks a reference up, of the actor and id. */
const Lookup = operation<string, string, Effect.Effect<ActorRef<Message.Any>, never, ActorSystem>>(
  "ActorRef",
  function (fiber) {
    return Effect.succeed(Context.getUnsafe(fiber.context, ActorSystem).ref(this.first, this.second))
  }
)

/**
 * Sends the actor whose build or handler runs this a message once `ref` has stopped: ahead of its mailbox, whatever room there is.
 *
 * `toMessage` gets how it ended: a success for a stop, the cause where its supervision gave up, `AskError` with `Unhosted` where nobody
 * hosts it (then at once). A restart and a passivation are no end. It watches until the end of the watcher's own life.
 * A `toMessage` that throws crashes the watcher.
 *
 * ```ts
 * yield* Actor.watch(worker, (exit) => new WorkerStopped())
 * ```
 */
export const watch = <M extends Message.Any>(
  ref: AnyRef,
  toMessage: (exit: Exit.Exit<void, unknown>) => M
): Effect.Effect<void, never, ActorContext> =>
  Effect.flatMap(ActorContext, (life) => (life as unknown as LifeOf<M>).watch(ref, toMessage))

/** Waits until `ref` has stopped, and says how it ended, like `watch`. */
export const awaitStop = (ref: AnyRef): Effect.Effect<Exit.Exit<void, unknown>, never, ActorSystem> =>
  Effect.flatMap(ActorSystem, (system) =>
    Effect.callback<Exit.Exit<void, unknown>>((resume) => {
      const unwatch = system.watch(ref.actor, ref.id, (exit) => resume(Exit.succeed(exit)))
      return Effect.sync(unwatch)
    })
  )

/**
 * Stops one actor: it handles what it has for at most its `drain`, then its children stop, then its finalizers run; waits for that.
 *
 * A spawned actor is gone then. What comes to a virtual one meanwhile is for its next life. Of the actor whose handler runs
 * this, and of one above it, it is only a request, kept after that handler: nothing can wait for its own end. An actor that is not in memory is left
 * as it is.
 */
export const stop = (ref: AnyRef): Effect.Effect<void, never, ActorSystem> =>
  Effect.flatMap(ActorSystem, (system) => system.stop(ref.actor, ref.id))

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
  const ref = (id: string) => new Lookup(name, id)
  const spawn: Actor<Name, Message.Any>["spawn"] = (id, build, options) =>
    Effect.flatMap(registrationOf(name, build as never, options), (it) =>
      Effect.flatMap(ActorSystem, (system) => Effect.as(system.spawn(it, id), system.ref(name, id)))
    ) as never
  const context = Effect.flatMap(ActorContext, (life) =>
    life.actor === name
      ? Effect.succeed(life as LifeOf<Message.Any>)
      : Effect.die(new Error(`the context of ${name} was asked for in ${life.actor}/${life.id}: use its own`))
  )
  const actor: Actor<Name, Message.Any> = {
    name,
    messages,
    of: (handlers) => handlers,
    toLayer: (build, options) =>
      Layer.effectDiscard(
        Effect.flatMap(registrationOf(name, build as never, options), (it) =>
          Effect.flatMap(ActorSystem, (system) => system.host(it))
        )
      ) as never,
    ref,
    spawn,
    spawnChild: (child, build, options) =>
      Effect.flatMap(ActorContext, (parent) => spawn(`${parent.id}/${child}`, build, options)) as never,
    context,
    self: Effect.flatMap(context, ({ id }) => ref(id)),
    is: (ref): ref is ActorRef<Message.Any> => ref?.actor === name
  }
  return actor as never
}
