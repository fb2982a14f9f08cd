/**
 * Models in a key-value store of any broker: versioned by compare-and-set, checked when they are read, followed live.
 */
import { type BrokerError, KeyValue } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Model } from "./Model.ts"
import * as ModelBlob from "./ModelBlob.ts"
import { ModelInvalid } from "./ModelInvalid.ts"

/** A model as it is stored. */
export interface Stored {
  readonly model: Model
  /** Rises with each change of any role; `put` compares it. */
  readonly revision: number
}

/** What a watch tells: another model, one that this code cannot use, or that there is none any more. */
export type RegistryChange =
  | ({ readonly _tag: "Stored" } & Stored)
  | { readonly _tag: "Refused"; readonly revision: number; readonly error: ModelInvalid }
  | { readonly _tag: "Removed"; readonly revision: number }

/** Models by role, e.g. `champion` and `challenger`. */
export interface ModelRegistry {
  /**
   * Stores a model and answers its revision. `revision` is that of the model it replaces, 0 for a role that has none; a
   * `Conflict` says that somebody else was faster: read, look, and decide again.
   */
  readonly put: (role: string, model: Model, revision: number) => Effect.Effect<number, BrokerError>
  /** The model of a role; none when it has none. Fails with `ModelInvalid` for bytes that this code cannot use. */
  readonly get: (role: string) => Effect.Effect<Option.Option<Stored>, BrokerError | ModelInvalid>
  /**
   * The model of a role now and after each change; never ends. A model that cannot be used is told as `Refused` and
   * the watch goes on: whoever scores keeps the one it has.
   */
  readonly watch: (role: string) => Stream.Stream<RegistryChange, BrokerError>
}

/** Opens the registry of this name, `[A-Za-z0-9_-]+`; it is the key-value store `models_<name>`. */
export const open = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly history?: number
}) {
  const store = yield* KeyValue.open({ name: `models_${options.name}`, history: options.history ?? 8 })
  const registry: ModelRegistry = {
    put: (role, model, revision) => {
      const bytes = ModelBlob.encode(model)
      return revision === 0 ? store.create(role, bytes) : store.update(role, bytes, revision)
    },
    get: (role) =>
      Effect.flatMap(
        store.get(role),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (entry) =>
            Effect.map(decode(entry.value), (model) => Option.some({ model, revision: entry.revision }))
        })
      ),
    watch: (role) =>
      store.watch(role).pipe(
        Stream.filter((event) => event._tag === "Entry"),
        Stream.mapEffect(({ entry: { operation, revision, value } }) =>
          operation === "put"
            ? Effect.match(decode(value), {
                onSuccess: (model): RegistryChange => ({ _tag: "Stored", model, revision }),
                onFailure: (error): RegistryChange => ({ _tag: "Refused", revision, error })
              })
            : Effect.succeed<RegistryChange>({ _tag: "Removed", revision })
        )
      )
  }
  return registry
})

const decode = (bytes: Uint8Array): Effect.Effect<Model, ModelInvalid> =>
  Effect.try({
    try: () => ModelBlob.decode(bytes),
    catch: (cause) =>
      cause instanceof ModelInvalid ? cause : new ModelInvalid({ reason: "content", detail: String(cause) })
  })
