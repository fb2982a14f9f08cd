import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { Parked } from "./AskError.ts"
import { atOnce, Backoff } from "./Backoff.ts"
import type { Cell } from "./Cell.ts"
import { closeLife, giveUp } from "./Ending.ts"
import { type Item, messageOf } from "./Envelope.ts"
import { groundAll } from "./Flights.ts"
import { Phase } from "./Phase.ts"
import { refuse } from "./Refusal.ts"
import type { HandlerTable } from "./Registration.ts"
import { RestartRequired } from "./RestartRequired.ts"
import { unstashAll } from "./Stash.ts"
import type { Directive } from "./Supervision.ts"
import { verdictOf } from "./Verdict.ts"

/** How often a message that had no effect is tried, whatever `parkAfter` says. */
const triesWithoutEffect = 5

const restartRequired = (cause: Cause.Cause<unknown>): RestartRequired | undefined => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Die" && reason.defect instanceof RestartRequired) return reason.defect
  }
  return undefined
}

const inspectFailure = (
  cell: Cell,
  cause: Cause.Cause<unknown>,
  item: Item | undefined,
  attempts: number
): void => {
  const { system } = cell.host
  if (!system.inspection.active) return
  const message = item === undefined ? undefined : { message: messageOf(item) }
  system.inspect("Failed", cell, { cause, attempts, ...message })
}

/** Does what the supervision says about a crash, of a message or from outside; true when the drain may go on. */
export const crashed = (cell: Cell, item: Item | undefined, crash: Cause.Cause<unknown>): boolean => {
  const { host, more } = cell
  const { cause, directive } = verdictOf(host.registration.supervision, crash)
  const required = restartRequired(cause)
  more.backoff ??= new Backoff()
  const attempts = item === undefined ? 0 : ++more.backoff.attempts
  inspectFailure(cell, cause, item, attempts)
  const isParked = item !== undefined && attempts >= triesOf(directive, required, host.concurrency === 1)
  if (isParked) {
    if (cell.current === item) cell.current = undefined
    more.backoff.attempts = 0
    host.system.record(host.registration.actor, cell.id, item, "parked", cause)
  }
  const goesOn = carryOut(cell, directive, required !== undefined, cause)
  // Last, because the asker goes on at once: it finds the actor, and its parent, as the crash left them.
  if (isParked)
    refuse(host.registration.actor, cell.id, item, new Parked({ attempts, defect: Cause.squash(cause) }))
  return goesOn
}

/** How often a message is tried before it is parked. */
const triesOf = (directive: Directive, required: RestartRequired | undefined, alone: boolean): number => {
  // Beside others nothing is tried again.
  if (!alone) return 1
  const parkAfter = directive._tag === "Restart" ? directive.parkAfter : 1
  if (required === undefined) return parkAfter
  return required.retry ? Math.max(parkAfter, triesWithoutEffect) : 1
}

/** True when the drain may go on. */
const carryOut = (
  cell: Cell,
  directive: Directive,
  mustRestart: boolean,
  cause: Cause.Cause<unknown>
): boolean => {
  if (directive._tag === "Restart" || mustRestart) {
    for (const sibling of cell.host.concerned()) sibling.give({ _tag: "Restart", cause })
    return restart(cell, directive, cause)
  }
  return directive._tag === "Resume" || giveUp(cell, cause, directive._tag === "Escalate")
}

/** Builds the first life; true when the handlers are there, false when a fiber goes on with it. */
export const activate = (cell: Cell): boolean => {
  const { build } = cell.host.registration
  if (typeof build === "function") {
    // It is the user's code.
    try {
      return activated(cell, Exit.succeed(build()))
    } catch (defect) {
      return activated(cell, Exit.die(defect))
    }
  }
  const fiber = Effect.runForkWith(cell.context)(build)
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return activated(cell, exit)
  cell.goOnWith(fiber, Phase.waiting, (exit) => activated(cell, exit))
  return false
}

const activated = (cell: Cell, exit: Exit.Exit<HandlerTable, unknown>): boolean => {
  const { system } = cell.host
  if (exit._tag === "Success") {
    begins(cell, exit.value)
    if (system.inspection.active) system.inspect("Spawned", cell, cell.host.spawnedBy)
    return true
  }
  const { cause, directive } = verdictOf(cell.host.registration.supervision, exit.cause)
  inspectFailure(cell, cause, undefined, 0)
  return directive._tag === "Restart"
    ? restart(cell, directive, cause)
    : giveUp(cell, cause, directive._tag === "Escalate")
}

/** The handlers are built; the build itself may have become something else. */
const begins = (cell: Cell, built: HandlerTable): void => {
  const became = cell.rare?.built
  cell.handlers = became ?? built
  if (became !== undefined) cell.more.built = built
}

/** Ends this life, waits as the schedule says, and builds the next; the mailbox stays as it is. */
const restart = (cell: Cell, directive: Directive, cause: Cause.Cause<unknown>): boolean => {
  // Until there is a fiber to interrupt, what would end the actor waits.
  cell.phase = Phase.busy
  cell.more.backoff ??= new Backoff()
  const fiber = Effect.runForkWith(cell.host.registration.context)(rebuild(cell, directive, cause))
  const done = (exit: Exit.Exit<"built" | Surrender>): boolean => {
    if (exit._tag === "Failure") return giveUp(cell, exit.cause, false)
    return exit.value === "built" || giveUp(cell, exit.value.cause, exit.value.escalates)
  }
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return done(exit)
  cell.goOnWith(fiber, Phase.restarting, done)
  // Now there is a fiber to interrupt: a stop that waits may go on.
  cell.host.undrained(cell)
  return false
}

/** Ends this life and builds the next at once; nobody counts it as a crash of this actor. */
export const renew = (cell: Cell, cause: Cause.Cause<unknown>): boolean =>
  restart(cell, { _tag: "Resume" }, cause)

/** The supervision has no more restarts. */
interface Surrender {
  readonly escalates: boolean
  /** What it could not get over: the crash, or the last build that failed. */
  readonly cause: Cause.Cause<unknown>
}

/** Says `built` once the state is built anew. */
const rebuild = (
  cell: Cell,
  first: Directive,
  crash: Cause.Cause<unknown>
): Effect.Effect<"built" | Surrender> =>
  Effect.gen(function* () {
    const { registration, system } = cell.host
    const backoff = cell.more.backoff as Backoff
    let directive = first
    let cause = crash
    for (;;) {
      // A stop that interrupts a restart waits for this: finalizers always run.
      const exit = Exit.failCause(cause)
      yield* Effect.uninterruptible(
        Effect.andThen(
          groundAll(cell),
          Effect.suspend(() => closeLife(cell, exit))
        )
      )
      // A message with which no handler has begun came after those.
      unstashAll(cell, backoff.attempts === 0)
      const nowMillis = system.clock.currentTimeMillisUnsafe()
      const delay = directive._tag === "Restart" ? yield* backoff.next(directive, nowMillis, cause) : atOnce
      if (Option.isNone(delay)) {
        return { escalates: directive._tag === "Restart" && directive.otherwise === "escalate", cause }
      }
      if (directive._tag === "Restart") {
        yield* Effect.logWarning(`actor ${registration.actor}/${cell.id} crashed and restarts`, cause)
      }
      yield* Effect.sleep(delay.value)
      // What the life that is over was to crash of: its children's escalations, and crashes of siblings. A stop stands.
      const { more } = cell
      if (more.order !== undefined && more.order._tag !== "Stop") more.order = undefined
      const built = yield* Effect.exit(buildAgain(cell))
      if (built._tag === "Success") {
        begins(cell, built.value)
        backoff.restarted(system.clock.currentTimeMillisUnsafe())
        cell.host.restarts++
        if (system.inspection.active) system.inspect("Restarted", cell, { restarts: backoff.restarts })
        return "built" as const
      }
      const verdict = verdictOf(registration.supervision, built.cause)
      cause = verdict.cause
      directive = verdict.directive
      inspectFailure(cell, cause, undefined, 0)
      if (directive._tag !== "Restart") return { escalates: directive._tag === "Escalate", cause }
    }
  })

const buildAgain = (cell: Cell): Effect.Effect<HandlerTable, unknown> => {
  const { build } = cell.host.registration
  return typeof build === "function"
    ? Effect.sync(build)
    : Effect.suspend(() => Effect.provideContext(build, cell.context))
}
