import * as Schema from "effect/Schema"

/** Marks instances of message classes, and carries the types of their reply. */
export const TypeId = "~@troupe/runtime/Message" as const

/** What a message is answered with: `Success`, or the domain error `Error`. */
export interface Replies<out Success, out Error> {
  readonly [TypeId]: { readonly success: Success; readonly error: Error }
}

/** Any message instance. */
export interface Any extends Replies<unknown, unknown> {
  readonly _tag: string
}

/** The value that the message `M` is answered with. */
export type Success<M> = M extends Replies<infer A, unknown> ? A : never

/** The domain error that the message `M` may be answered with. */
export type Error<M> = M extends Replies<unknown, infer E> ? E : never

/** Any message class, as `Actor.make` takes it. */
export interface AnyClass {
  readonly Type: Any
  readonly identifier: string
  readonly success: Schema.Codec<unknown, unknown>
  readonly error: Schema.Codec<unknown, unknown>
  readonly primaryKey: ((message: never) => string) | undefined
}

/** A message class: a tagged schema class with the schemas of its answer. */
export interface Class<
  Self,
  Tag extends string,
  Fields extends Schema.Struct.Fields,
  Success extends Schema.Codec<unknown, unknown>,
  Error extends Schema.Codec<unknown, unknown>
> extends Schema.Class<Self, Schema.TaggedStruct<Tag, Fields>, Replies<Success["Type"], Error["Type"]>> {
  /** Schema of the answer. */
  readonly success: Success
  /** Schema of the domain error; `Schema.Never` when there is none. */
  readonly error: Error
  /** The idempotency key of a message, where the class declares one. */
  readonly primaryKey: ((message: Schema.Struct<Fields>["Type"]) => string) | undefined
}

/**
 * Declares a message: its payload, what it is answered with, and optionally the key that makes it idempotent.
 *
 * `success` defaults to `Schema.Void`, `error` to `Schema.Never`. A message with a `primaryKey` takes effect at most once
 * in an event-sourced actor: a repeat is answered with the first answer.
 *
 * ```ts
 * class Withdraw extends Message.Class<Withdraw>()("Withdraw", {
 *   payload: { amount: Schema.Int }, success: Schema.Int, error: Overdrawn
 * }) {}
 * ```
 */
export const Class =
  <Self>() =>
  <
    const Tag extends string,
    const Fields extends Schema.Struct.Fields = Record<never, never>,
    Success extends Schema.Codec<unknown, unknown> = Schema.Void,
    Error extends Schema.Codec<unknown, unknown> = Schema.Never
  >(
    tag: Tag,
    options: {
      readonly payload?: Fields
      readonly success?: Success
      readonly error?: Error
      readonly primaryKey?: (payload: Schema.Struct<NoInfer<Fields>>["Type"]) => string
    } = {}
  ): Class<Self, Tag, Fields, Success, Error> => {
    const base = Schema.TaggedClass<object>()(tag, options.payload ?? {})
    Object.defineProperty(base.prototype, TypeId, { value: {} })
    return Object.assign(base, {
      success: options.success ?? Schema.Void,
      error: options.error ?? Schema.Never,
      primaryKey: options.primaryKey
    }) as never
  }
