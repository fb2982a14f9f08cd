import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** Messages that one fiber handles at most: few enough that it does not use up its operations and yields. */
const lengthMax = 64

/** Queued messages from which a stretch is worth its own cost. */
export const worthwhile = 2

/**
 * Handlers of queued messages run one after the other in one fiber, as long as none of them suspends, fails or leaves a
 * child behind: a fiber for each would cost more than most handlers do.
 *
 * The fiber ends as the last handler that began has ended; those before have succeeded and were settled.
 */
export class Stretch {
  /** What to run in the fiber. */
  readonly effect: Effect.Effect<unknown, unknown>
  /** Messages taken from the mailbox. */
  taken = 0
  private readonly follower: Follower
  private handler: Started
  private fiber: object | undefined = undefined
  private value: unknown = undefined

  constructor(first: Effect.Effect<unknown, unknown>, follower: Follower) {
    this.follower = follower
    this.handler = first
    const loop = Effect.whileLoop({
      while: () => this.handler !== undefined,
      body: () => this.handler as Effect.Effect<unknown, unknown>,
      step: (value) => this.step(value)
    })
    this.effect = Effect.map(loop, () => this.value)
  }

  private step(value: unknown): void {
    this.handler = this.mayGoOn ? this.follower.handleNext(value) : undefined
    if (this.handler === undefined) this.value = value
    else this.taken++
  }

  private get mayGoOn(): boolean {
    if (this.taken + 1 === lengthMax) return false
    // A handler's children end with it, so the fiber that has any ends here.
    this.fiber ??= Fiber.getCurrent()
    return childless(this.fiber)
  }
}

/** Whose messages are handled. */
export interface Follower {
  /** Settles a success and begins another message; `undefined` leaves the success to the fiber's end. */
  readonly handleNext: (value: unknown) => Started
}

/** A handler that begins, if any does. */
export type Started = Effect.Effect<unknown, unknown> | undefined

/** False when the fiber has children, or does not say: then every message gets a fiber of its own. */
const childless = (fiber: { readonly children?: () => ReadonlySet<unknown> } | undefined): boolean =>
  fiber !== undefined && typeof fiber.children === "function" && fiber.children().size === 0
