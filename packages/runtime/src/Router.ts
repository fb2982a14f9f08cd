import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Actor from "./Actor.ts"
import type { ActorRef } from "./ActorRef.ts"
import type { ActorSystem } from "./ActorSystem.ts"
import type { AskError } from "./AskError.ts"
import type * as Message from "./Message.ts"
import * as Rendezvous from "./Rendezvous.ts"

/** The actors behind a router, in the order in which it was given them. */
export type Routees<M extends Message.Any> = ReadonlyArray<ActorRef<M>>

/**
 * A reference that hands each message to one of several actors of one protocol, where a single one is asked for.
 *
 * It promises what those actors promise and no more. Messages of one sender are in order *per routee*, not over all of
 * them. A full mailbox makes the sender wait, also while others have room. A routee that has stopped stays in the list, and what it
 * would get is a dead letter. A router is no actor: nothing can be spawned or watched under its `id`, which only
 * describes it, and a failed `ask` names the routee.
 */
export interface Router<in M extends Message.Any> extends ActorRef<M> {
  readonly routees: Routees<M>
}

/** A router whose choice depends on the message alone. */
export interface KeyRouter<in M extends Message.Any> extends Router<M> {
  /** Where the message goes. */
  readonly routeeOf: (message: M) => ActorRef<M>
}

/** Hands each message to all of several actors. It is no `ActorRef`: a question to many has many answers. */
export interface Broadcast<in M extends Message.Any> {
  readonly routees: Routees<M>

  /**
   * Puts the message in every mailbox, and waits until it is in all of them.
   *
   * A full mailbox keeps the sender waiting, not the other routees. Interrupted while it waits, the message was sent to
   * those that had room. Messages of one sender are in order at each routee.
   */
  readonly tell: (message: M) => Effect.Effect<void>

  /**
   * Asks all at once, waits for all, and answers with what they said in the order of `routees`.
   *
   * All answers or none: where some fail, it fails as the first of them in that order did, because an answer that is missing in a list is
   * easily not missed. Every routee has the message all the same. Who can use some of the answers asks `routees` one by one.
   * Give a `timeout` where one of them may never answer: it counts for each.
   */
  readonly ask: <A extends M>(
    message: A,
    options?: { readonly timeout?: Duration.Input }
  ) => Effect.Effect<ReadonlyArray<Message.Success<A>>, Message.Error<A> | AskError>
}

/**
 * Hands messages to the actors in turn.
 *
 * The turn is taken when a `tell` or `ask` runs, not when it is made, so an effect that is repeated goes on to the next routee.
 * Strictly in turn: a full or slow routee is waited for, not passed over. Throws `RangeError` without references.
 */
export const roundRobin = <M extends Message.Any>(refs: Routees<M>): Router<M> => {
  const routees = atLeastOne("roundRobin", refs)
  let turn = 0
  const next = (): ActorRef<M> => {
    const routee = routees[turn] as ActorRef<M>
    turn = (turn + 1) % routees.length
    return routee
  }
  return {
    ...named("roundRobin", routees),
    tell: (message) => Effect.suspend(() => next().tell(message)),
    ask: (message, options) => Effect.suspend(() => next().ask(message, options))
  }
}

/**
 * Hands all messages of one key to the same actor, so that they are in order and meet the same state.
 *
 * The choice is a function of the key and the routees' names and ids: the same in every process, whatever the order of `refs`.
 * When a routee joins or leaves, make a new router: of *n* routees only the keys of the one that left move, or the
 * 1/(*n*+1) that the new one takes (rendezvous hashing). What is queued at an old routee stays there. Throws `RangeError` without references.
 *
 * ```ts
 * const carts = Router.consistentHash(refs, { key: (message: AddLine | PlaceOrder) => message.cartId })
 * ```
 */
export const consistentHash = <M extends Message.Any>(
  refs: Routees<M>,
  options: { readonly key: (message: M) => string }
): KeyRouter<M> => {
  const routees = atLeastOne("consistentHash", refs)
  const nodes = Uint32Array.from(routees, ({ actor, id }) => Rendezvous.hash(`${actor}/${id}`))
  const routeeOf = (message: M): ActorRef<M> =>
    routees[Rendezvous.owner(nodes, Rendezvous.hash(options.key(message)))] as ActorRef<M>
  return {
    ...named("consistentHash", routees),
    routeeOf,
    tell: (message) => routeeOf(message).tell(message),
    ask: (message, options) => routeeOf(message).ask(message, options)
  }
}

/** Hands each message to all actors. Throws `RangeError` without references. */
export const broadcast = <M extends Message.Any>(refs: Routees<M>): Broadcast<M> => {
  const routees = atLeastOne("broadcast", refs)
  return {
    routees,
    tell: (message) =>
      Effect.forEach(routees, (routee) => routee.tell(message), { concurrency: "unbounded", discard: true }),
    ask: (message, options) => {
      // As exits, because a failure would keep the routees after it from being asked.
      const exits = Effect.forEach(routees, (routee) => Effect.exit(routee.ask(message, options)), {
        concurrency: "unbounded"
      })
      return Effect.flatMap(exits, (exits) => Effect.forEach(exits, (exit) => exit))
    }
  }
}

/**
 * Spawns actors of one kind and puts a router before them; they stop with the scope, all at once.
 *
 * Each is spawned as `Actor.spawn` does it, under the ids `<id>/0` to `<id>/<size − 1>`, and runs `build` by itself: they share no state but
 * what `build` takes from outside. `id` is `"pool"` unless given; two pools of one kind need two. A routee that its
 * supervision gives up is not replaced. Throws `RangeError` when `size` is no whole number of at least 1.
 *
 * ```ts
 * const resizers = yield* Router.pool(Resizer, { size: 4, build: resize, route: Router.roundRobin })
 * ```
 */
export const pool = <
  const Name extends string,
  M extends Message.Any,
  H extends Actor.Handlers<M, unknown>,
  Front,
  E = never,
  R = never
>(
  actor: Actor.Actor<Name, M>,
  options: Actor.Options<M> & {
    readonly size: number
    readonly build: Actor.Build<H, E, R>
    /** Makes the router: `Router.roundRobin`, `Router.broadcast`, or a function that calls `Router.consistentHash`. */
    readonly route: (routees: Routees<M>) => Front
    readonly id?: string
  }
): Effect.Effect<Front, never, ActorSystem | Scope.Scope | Actor.Required<R | Actor.Services<H>>> => {
  const { build, id = "pool", route, size, ...rest } = options
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`Router.pool("${actor.name}"): size is ${size}; give a whole number of at least 1`)
  }
  return Effect.gen(function* () {
    // Side by side: else a pool could take the drain of each routee, one after the other, to stop.
    const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
    const ids = Array.from({ length: size }, (_, index) => `${id}/${index}`)
    const routees = yield* Effect.forEach(ids, (id) => Scope.provide(actor.spawn(id, build, rest), scope))
    return route(routees)
  })
}

const atLeastOne = <M extends Message.Any>(kind: string, refs: Routees<M>): Routees<M> => {
  if (refs.length === 0) throw new RangeError(`Router.${kind} needs at least one reference`)
  return [...refs]
}

const named = <M extends Message.Any>(kind: string, routees: Routees<M>) => ({
  actor: (routees[0] as ActorRef<M>).actor,
  id: `${kind}(${routees.length})`,
  routees
})
