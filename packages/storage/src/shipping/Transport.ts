import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ShippingError } from "./ShippingError.ts"

/**
 * Carries frames between a primary and its replicas. It may lose, repeat, reorder and delay them; it must not change them
 * (frames that are changed are noticed and dropped). `send` must not wait for the receiver to have done its work.
 */
export interface Transport {
  /** Takes frames of replicas until the scope closes: `from` is the name of the replica. */
  readonly onPrimary: (
    receive: (from: string, frame: Uint8Array) => Effect.Effect<void>
  ) => Effect.Effect<void, ShippingError, Scope.Scope>
  /** Takes the frames for one replica until the scope closes. */
  readonly onReplica: (
    name: string,
    receive: (frame: Uint8Array) => Effect.Effect<void>
  ) => Effect.Effect<void, ShippingError, Scope.Scope>
  readonly toReplica: (name: string, frame: Uint8Array) => Effect.Effect<void, ShippingError>
  /** To whoever is primary; several may think they are. */
  readonly toPrimary: (from: string, frame: Uint8Array) => Effect.Effect<void, ShippingError>
}

/** A transport inside this process: a frame is a direct call; without a receiver it is lost. */
export const inProcess = (): Transport => {
  const primaries = new Set<(from: string, frame: Uint8Array) => Effect.Effect<void>>()
  const replicas = new Map<string, (frame: Uint8Array) => Effect.Effect<void>>()
  return {
    onPrimary: (receive) =>
      Effect.acquireRelease(
        Effect.sync(() => primaries.add(receive)),
        () => Effect.sync(() => primaries.delete(receive))
      ),
    onReplica: (name, receive) =>
      Effect.acquireRelease(
        Effect.sync(() => replicas.set(name, receive)),
        () => Effect.sync(() => (replicas.get(name) === receive ? replicas.delete(name) : false))
      ),
    toReplica: (name, frame) => Effect.suspend(() => replicas.get(name)?.(frame) ?? Effect.void),
    toPrimary: (from, frame) =>
      Effect.suspend(() => Effect.forEach([...primaries], (p) => p(from, frame), { discard: true }))
  }
}
