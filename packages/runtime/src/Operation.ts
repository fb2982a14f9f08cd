import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"

/** What an operation is about. */
export interface Operands<A, B> {
  readonly first: A
  readonly second: B
}

/**
 * A class of effects for an operation that is done for every message: an object with two fields, where a `suspend` would
 * take a closure and two objects.
 */
export const operation = <A, B, Self extends Effect.Effect<unknown, unknown, unknown>>(
  label: string,
  evaluate: (
    this: Operands<A, B>,
    fiber: Fiber.Fiber<unknown, unknown>
  ) => Effect.Effect<unknown, unknown, unknown>
): (new (
  first: A,
  second: B
) => Self) => {
  const Operation = function (this: { first: A; second: B }, first: A, second: B) {
    this.first = first
    this.second = second
  }
  Operation.prototype = Effectable.Prototype<Self>({ label, evaluate: evaluate as never })
  return Operation as never
}
