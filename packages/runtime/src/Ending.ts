import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import type { Cell } from "./Cell.ts"
import { isDomainFailure } from "./DomainFailure.ts"
import { groundAll } from "./Flights.ts"
import { Mail } from "./Mail.ts"
import { Phase } from "./Phase.ts"
import { discardWithdrawn } from "./Rare.ts"
import { unstashAll } from "./Stash.ts"
import { admit, refuseWaiters } from "./Waiting.ts"

/** Runs the children's and then this life's finalizers; one that fails is logged and does not keep the others from running. */
export const closeLife = (cell: Cell, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
  const { rare, scope } = cell
  forgetLife(cell)
  const own = scope === undefined || isPlain(scope) ? Effect.void : closeScope(cell, scope, exit)
  const children = rare?.children
  if (children === undefined || children.size === 0) return own
  const stops = Effect.forEach([...children], (child) => child.close(exit), {
    concurrency: "unbounded",
    discard: true
  })
  return Effect.andThen(stops, own)
}

const forgetLife = (cell: Cell): void => {
  const { rare } = cell
  cell.handlers = undefined
  cell.scope = undefined
  if (rare === undefined) return
  rare.fork = undefined
  rare.built = undefined
  rare.timers?.cancelAllNow()
  rare.timers = undefined
}

const closeScope = (cell: Cell, scope: Scope.Closeable, exit: Exit.Exit<unknown, unknown>) =>
  Effect.catchCause(Scope.close(scope, exit), (cause) =>
    Effect.logError(`a finalizer of actor ${cell.host.registration.actor}/${cell.id} failed`, cause)
  )

/** True when there is nothing to finalize. */
const isPlain = (scope: Scope.Closeable): boolean => scope.state._tag === "Empty"

/** Leaves memory; call only when idle. */
export const passivate = (cell: Cell): void => leave(cell, "Passivated", Exit.void, undefined)

/** The supervision ends: the queue becomes dead letters; a virtual actor begins afresh with the next message. */
export const giveUp = (cell: Cell, cause: Cause.Cause<unknown>, escalates: boolean): false => {
  const { host } = cell
  if (!host.virtual) host.accepting = false
  for (const sibling of host.concerned()) sibling.closeSoon()
  leave(cell, "Stopped", Exit.failCause(cause), cause)
  if (escalates) host.parent?.give({ _tag: "Crash", cause })
  return false
}

/** Ends this life and goes on with the next one where messages wait for it. */
export const leave = (
  cell: Cell,
  event: "Passivated" | "Stopped",
  exit: Exit.Exit<void, unknown>,
  cause: Cause.Cause<unknown> | undefined
): void => {
  close(cell, event, exit, cause)
  // A stop that waits goes on in its own turn: only now there is what it has to wait for.
  cell.host.undrained(cell)
}

const close = (
  cell: Cell,
  event: "Passivated" | "Stopped",
  exit: Exit.Exit<void, unknown>,
  cause: Cause.Cause<unknown> | undefined
): void => {
  const { host } = cell
  host.busy(cell)
  cell.phase = Phase.closing
  if (event === "Stopped") cell.buryQueue(cause)
  const { children, flights } = cell.rare ?? {}
  const nothingToClose =
    cause === undefined &&
    (cell.scope === undefined || isPlain(cell.scope)) &&
    (children === undefined || children.size === 0) &&
    (flights === undefined || flights.size === 0)
  if (nothingToClose) {
    forgetLife(cell)
    left(cell, event, exit)
    return
  }
  const why =
    cause === undefined
      ? Effect.void
      : Effect.logError(`actor ${host.registration.actor}/${cell.id} stopped`, cause)
  const grounding = groundAll(cell)
  const closing = Effect.runForkWith(host.registration.context)(
    why.pipe(Effect.andThen(grounding), Effect.andThen(Effect.suspend(() => closeLife(cell, exit)))),
    { uninterruptible: true }
  )
  const { more } = cell
  more.fiber = closing
  host.leaving++
  closing.addObserver(() => {
    host.leaving--
    more.fiber = undefined
    left(cell, event, exit)
  })
}

/** The life has ended: begins another when messages wait for it, else the cell is gone. */
const left = (cell: Cell, event: "Passivated" | "Stopped", exit: Exit.Exit<void, unknown>): void => {
  const { host, rare } = cell
  const { system } = host
  if (system.inspection.active) {
    system.inspect(event, cell, exit._tag === "Failure" ? { cause: exit.cause } : {})
  }
  const onLeft = rare?.onLeft
  if (rare !== undefined) {
    rare.backoff = undefined
    rare.order = undefined
    rare.draining = undefined
    rare.onLeft = undefined
    unstashAll(cell, false)
  }
  if (!host.accepting) {
    refuseWaiters(cell)
    cell.buryQueue(undefined)
  }
  cell.phase = Phase.idle
  if (rare !== undefined && cell.queued === 0) discardWithdrawn(rare)
  admit(cell)
  if (cell.phase === Phase.idle) {
    if (cell.queued > 0) {
      cell.schedule()
    } else {
      cell.phase = Phase.dead
      host.forget(cell)
    }
  }
  // It came back, and counts again.
  if (cell.phase !== Phase.dead) host.makeRoom()
  if (event === "Stopped") system.ended(host.registration.actor, cell.id, exit)
  if (onLeft !== undefined) for (const notify of onLeft) notify()
}

/** Ends an actor that has nothing to interrupt, to bury or to finalize; false when it has. */
export const endNow = (cell: Cell): boolean => {
  if (cell.phase === Phase.dead) return true
  if (cell.phase !== Phase.idle || cell.queued > 0) return false
  if (cell.scope !== undefined && !isPlain(cell.scope)) return false
  if ((cell.rare?.children?.size ?? 0) > 0) return false
  leave(cell, "Stopped", Exit.void, undefined)
  return true
}

/** Ends the actor's life: interrupts what runs, buries its messages, stops its children, runs its finalizers. */
export const end = (cell: Cell): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { phase } = cell
    switch (phase) {
      case Phase.dead:
        return Effect.void
      case Phase.busy:
        // A drain on this very stack goes first.
        return Effect.andThen(Effect.yieldNow, end(cell))
      case Phase.closing:
        return untilLeft(cell).await
      default:
        return ending(cell, cell.rare?.fiber, phase === Phase.waiting)
    }
  })

const ending = (
  cell: Cell,
  fiber: Fiber.Fiber<unknown, unknown> | undefined,
  handling: boolean
): Effect.Effect<void> => {
  cell.host.busy(cell)
  cell.phase = Phase.closing
  cell.host.leaving++
  cell.host.undrained(cell)
  const grounding = groundAll(cell)
  return Effect.gen(function* () {
    if (fiber !== undefined) {
      fiber.interruptUnsafe()
      const exit = yield* Fiber.await(fiber)
      cell.more.fiber = undefined
      // A handler that has ended, with its turn to be settled still to come, has its answer.
      const item = cell.current
      if (handling && item !== undefined && cell.handlers !== undefined) {
        if (exit._tag === "Success" || isDomainFailure(exit.cause)) cell.settle(item, exit)
      }
    }
    yield* grounding
    if (!cell.host.accepting) refuseWaiters(cell)
    cell.buryQueue(undefined)
    yield* closeLife(cell, Exit.void)
    cell.host.leaving--
    left(cell, "Stopped", Exit.void)
  })
}

/**
 * Stops one actor in peace: what it has is handled for at most `drainMillis`, then interrupted and buried. What comes
 * meanwhile is for its next life.
 */
export const stopInPeace = (cell: Cell, drainMillis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { more, phase } = cell
    if (phase === Phase.dead) return Effect.void
    const gone = untilLeft(cell)
    if (phase === Phase.closing) return gone.await
    if (phase === Phase.idle && cell.handlersRunning === 0) {
      leave(cell, "Stopped", Exit.void, undefined)
      return gone.await
    }
    if (more.draining === undefined) {
      more.draining = more.inbox ?? new Mail()
      more.sorts = true
      more.inbox = undefined
      // What comes from now on must not begin beside its last handlers.
      if (cell.phase === Phase.idle) cell.phase = Phase.waiting
      admit(cell)
    }
    if (!cell.drains || drainMillis <= 0) return end(cell)
    return Effect.timeoutOption(gone.await, drainMillis).pipe(
      // The next life is none of its business.
      Effect.flatMap(() => (gone.isOpen() ? Effect.void : end(cell)))
    )
  })

/** Open once this life has ended. */
const untilLeft = (cell: Cell): Latch.Latch => {
  const { more } = cell
  const gone = Latch.makeUnsafe()
  more.onLeft ??= []
  more.onLeft.push(() => gone.openUnsafe())
  return gone
}
