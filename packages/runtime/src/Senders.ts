import * as Context from "effect/Context"
import * as Tracer from "effect/Tracer"
import { ActorContext } from "./ActorContext.ts"
import type { AnyRef } from "./ActorRef.ts"
import { LifeContext } from "./LifeContext.ts"
import type { LocalSystem } from "./LocalSystem.ts"

/** The life of an actor that a context belongs to. */
export const lifeOf = (context: Context.Context<never>): LifeContext | undefined => {
  const life = Context.getOrUndefined(context, ActorContext)
  return life instanceof LifeContext ? life : undefined
}

/** Who sends, by the context of the fiber that does: loops ask with the same one, so the last answer is kept. */
export class Senders {
  private readonly system: LocalSystem
  private context: Context.Context<never> | undefined = undefined
  private sender: AnyRef | undefined = undefined
  private span: Tracer.AnySpan | undefined = undefined

  constructor(system: LocalSystem) {
    this.system = system
  }

  /** The actor that runs a fiber with this context, if one does. */
  senderOf(context: Context.Context<never>): AnyRef | undefined {
    if (context !== this.context) this.lookUp(context)
    return this.sender
  }

  /** The span of a fiber with this context, while the system is traced. */
  spanOf(context: Context.Context<never>): Tracer.AnySpan | undefined {
    if (this.system.tracing === undefined) return undefined
    if (context !== this.context) this.lookUp(context)
    return this.span
  }

  /** Another answer may be due. */
  forget(): void {
    this.context = undefined
  }

  private lookUp(context: Context.Context<never>): void {
    const { system } = this
    const life = lifeOf(context)
    this.context = context
    this.sender = life?.cell.host.system === system ? life.self : undefined
    this.span = system.tracing === undefined ? undefined : Context.getOrUndefined(context, Tracer.ParentSpan)
  }
}
