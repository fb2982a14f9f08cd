import * as Stream from "effect/Stream"
import { Hub } from "./Hub.ts"

/** A class of events: any class, a schema class usually. */
export type EventClass<A extends object> = abstract new (...args: never) => A

/** The event streams of one system: one hub for every class that somebody reads or has read. */
export class EventBus {
  /** Hubs by the prototype of their class. */
  private readonly hubs = new Map<object, Hub<object>>()
  /** Where events go, by their own prototype: found once, forgotten when a class is read for the first time. */
  private routes = new WeakMap<object, ReadonlyArray<Hub<object>>>()
  private ended = false

  publish(event: object): void {
    const prototype = Object.getPrototypeOf(event)
    const route = this.routes.get(prototype) ?? this.route(prototype)
    for (const hub of route) hub.emit(event)
  }

  stream<A extends object>(type: EventClass<A>): Stream.Stream<A> {
    return Stream.suspend(() => this.hub(type.prototype).stream as Stream.Stream<A>)
  }

  /** Events that readers of this class were too slow for. */
  lost(type: EventClass<object>): number {
    return this.hubs.get(type.prototype)?.lost ?? 0
  }

  /** Ends every stream, now and later. */
  end(): void {
    this.ended = true
    for (const hub of this.hubs.values()) hub.end()
  }

  private hub(prototype: object): Hub<object> {
    let hub = this.hubs.get(prototype)
    if (hub === undefined) {
      hub = new Hub<object>()
      if (this.ended) hub.end()
      this.hubs.set(prototype, hub)
      this.routes = new WeakMap()
    }
    return hub
  }

  /** The hubs of a class and of those that it extends. */
  private route(prototype: object | null): ReadonlyArray<Hub<object>> {
    const route: Array<Hub<object>> = []
    for (let type = prototype; type !== null; type = Object.getPrototypeOf(type)) {
      const hub = this.hubs.get(type)
      if (hub !== undefined) route.push(hub)
    }
    if (prototype !== null) this.routes.set(prototype, route)
    return route
  }
}
