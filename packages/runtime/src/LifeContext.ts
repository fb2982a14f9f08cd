import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { LifeOf } from "./ActorContext.ts"
import type { ActorRef, AnyRef } from "./ActorRef.ts"
import type { Cell } from "./Cell.ts"
import { type Item, senderOf } from "./Envelope.ts"
import { pushInFront } from "./Front.ts"
import type * as Message from "./Message.ts"
import { Phase } from "./Phase.ts"
import type { HandlerTable } from "./Registration.ts"
import { stashed, unstashAll } from "./Stash.ts"
import { Timers } from "./Timers.ts"

/** What a handler of a re-entrant actor handles; elsewhere the cell knows. */
export const CurrentItem: Context.Reference<Item | undefined> = Context.Reference<Item | undefined>(
  "@troupe/runtime/CurrentItem",
  { defaultValue: () => undefined }
)

/** One life of an actor, as its build and handlers see it. */
export class LifeContext implements LifeOf<Message.Any> {
  readonly cell: Cell
  /** This life's: who spawns in it spawns a child. */
  readonly scope: Scope.Scope

  constructor(cell: Cell, scope: Scope.Scope) {
    this.cell = cell
    this.scope = scope
  }

  get actor(): string {
    return this.cell.host.registration.actor
  }

  get id(): string {
    return this.cell.id
  }

  get self(): ActorRef<Message.Any> {
    return this.cell.host.system.ref(this.actor, this.id)
  }

  get parent(): AnyRef | undefined {
    const { parent, system } = this.cell.host
    return parent === undefined ? undefined : system.ref(parent.host.registration.actor, parent.id)
  }

  get children(): Effect.Effect<ReadonlyArray<AnyRef>> {
    return Effect.sync(() => {
      const refs: Array<AnyRef> = []
      for (const child of this.cell.rare?.children ?? []) refs.push(...child.refs())
      return refs
    })
  }

  get sender(): Effect.Effect<AnyRef | undefined> {
    return Effect.withFiber((fiber) =>
      Effect.succeed(senderOf(Context.get(fiber.context, CurrentItem) ?? this.cell.current))
    )
  }

  get watch(): LifeOf<Message.Any>["watch"] {
    return (ref, toMessage) =>
      Effect.suspend(() => {
        const { system } = this.cell.host
        // Its own: a life that watches many keeps nothing of those that have ended.
        const scope = Scope.forkUnsafe(this.scope)
        const unwatch = system.watch(ref.actor, ref.id, (exit) => {
          Scope.closeUnsafe(scope, Exit.void)
          if (this.isCurrent) this.notice(toMessage, exit)
        })
        return Scope.addFinalizer(scope, Effect.sync(unwatch))
      })
  }

  /** Tells of the end of a watched actor. */
  private notice(
    toMessage: (exit: Exit.Exit<void, unknown>) => Message.Any,
    exit: Exit.Exit<void, unknown>
  ): void {
    // It is the user's code, and no affair of the actor that has ended.
    try {
      pushInFront(this.cell, toMessage(exit))
    } catch (defect) {
      this.crash(defect)
    }
  }

  /** A function of the user's that is to make a message died. */
  private crash(defect: unknown): void {
    if (this.isCurrent) this.cell.give({ _tag: "Crash", cause: Cause.die(defect) })
  }

  get stop(): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.isCurrent) this.cell.give({ _tag: "Stop" })
    })
  }

  get stash(): Effect.Effect<never> {
    return stashed
  }

  get unstashAll(): Effect.Effect<void> {
    return Effect.sync(() => {
      const { cell } = this
      if (!this.isCurrent) return
      unstashAll(cell, false)
      if (cell.phase === Phase.idle && cell.queued > 0) cell.schedule()
    })
  }

  get timers(): Timers {
    // Those of an old life start nothing.
    if (!this.isCurrent) return new Timers(this.cell, this.scope)
    const { more } = this.cell
    more.timers ??= new Timers(this.cell, this.scope)
    return more.timers
  }

  get become(): (handlers: object) => Effect.Effect<void> {
    return (handlers) =>
      Effect.sync(() => {
        const { cell } = this
        if (!this.isCurrent) return
        if (cell.handlers === undefined) {
          // The build still runs: the two change places when it has ended.
          cell.more.built = handlers as HandlerTable
          return
        }
        cell.more.built ??= cell.handlers
        cell.handlers = handlers as HandlerTable
      })
  }

  get unbecome(): Effect.Effect<void> {
    return Effect.sync(() => {
      const { rare } = this.cell
      if (!this.isCurrent || rare?.built === undefined) return
      if (this.cell.handlers !== undefined) this.cell.handlers = rare.built
      rare.built = undefined
    })
  }

  get pipeToSelf(): LifeOf<Message.Any>["pipeToSelf"] {
    return (effect, toMessage) => {
      const piped = Effect.exit(effect).pipe(
        Effect.flatMap((exit) => this.self.tell(toMessage(exit))),
        // Nobody joins this fiber: what `toMessage` dies of would be lost.
        Effect.catchDefect((defect) => Effect.sync(() => this.crash(defect))),
        Effect.forkIn(this.scope, { startImmediately: true }),
        Effect.asVoid
      )
      return Effect.suspend(() => (this.isCurrent ? piped : Effect.void))
    }
  }

  /** False once the life that this belongs to has ended. */
  private get isCurrent(): boolean {
    return this.cell.scope === this.scope
  }
}
