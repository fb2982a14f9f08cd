import type * as Exit from "effect/Exit"
import { void as success } from "effect/Exit"

/** Called once, when the watched actor has stopped. */
type OnEnd = (exit: Exit.Exit<void, unknown>) => void

/** Who wants to know that an actor has stopped, by actor and id. */
export class Watchers {
  private readonly actors = new Map<string, Map<string, Set<OnEnd>>>()

  /** The answer takes it back. */
  add(actor: string, id: string, onEnd: OnEnd): () => void {
    const ids = this.actors.get(actor) ?? new Map<string, Set<OnEnd>>()
    const all = ids.get(id) ?? new Set()
    // A watcher of its own, also for a function that watches twice.
    const own: OnEnd = (exit) => onEnd(exit)
    this.actors.set(actor, ids.set(id, all.add(own)))
    return () => {
      if (!all.delete(own) || all.size > 0) return
      const others = this.actors.get(actor)
      if (others?.get(id) !== all) return
      others.delete(id)
      if (others.size === 0) this.actors.delete(actor)
    }
  }

  /** One actor has stopped. */
  ended(actor: string, id: string, exit: Exit.Exit<void, unknown>): void {
    const ids = this.actors.get(actor)
    const watching = ids?.get(id)
    if (ids === undefined || watching === undefined) return
    ids.delete(id)
    if (ids.size === 0) this.actors.delete(actor)
    for (const onEnd of watching) onEnd(exit)
  }

  /** Nobody hosts the actors of this type any more: those that were not in memory have ended too. */
  endedAll(actor: string): void {
    const ids = this.actors.get(actor)
    if (ids !== undefined) for (const id of [...ids.keys()]) this.ended(actor, id, success)
  }
}
