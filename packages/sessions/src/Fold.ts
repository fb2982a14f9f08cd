/**
 * What a session is boiled down to: a left fold over its events in order of (time, event id).
 *
 * The engine keeps what a fold sees of each event (`value`) as long as a session can still change, and folds afresh
 * when an event comes out of order. So a fold needs no merge and no law at all: it always sees the whole session in
 * order, and sums of fractions agree with a batch run to the last bit.
 */
export interface Fold<V, A, S = unknown> {
  /** A state that nobody else holds: `add` may change it in place. */
  init(): S
  /** Takes the next event of the session. */
  add(state: S, value: V, timeMillis: number): S
  /** The result so far; must not share anything that a later `add` changes. */
  done(state: S): A
}

/** A fold of your own. */
export const make = <V, A, S>(fold: Fold<V, A, S>): Fold<V, A, S> => fold

/** How many events there are. */
export const count: Fold<unknown, number, number> = {
  init: () => 0,
  add: (state) => state + 1,
  done: (state) => state
}

/** How many events answer true. */
export const countWhere = <V>(test: (value: V) => boolean): Fold<V, number, number> => ({
  init: () => 0,
  add: (state, value) => (test(value) ? state + 1 : state),
  done: (state) => state
})

/** How many events there are of each name, in order of first appearance. */
export const countBy = <V>(
  name: (value: V) => string
): Fold<V, Readonly<Record<string, number>>, Map<string, number>> => ({
  init: () => new Map(),
  add: (state, value) => {
    const key = name(value)
    return state.set(key, (state.get(key) ?? 0) + 1)
  },
  done: (state) => Object.fromEntries(state)
})

/** The sum of a number of each event. */
export const sum = <V>(of: (value: V) => number): Fold<V, number, number> => ({
  init: () => 0,
  add: (state, value) => state + of(value),
  done: (state) => state
})

/** Something of the first event; `null` for none. */
export const first = <V, A>(of: (value: V) => A): Fold<V, A | null, { held: A } | undefined> => ({
  init: () => undefined,
  add: (state, value) => state ?? { held: of(value) },
  done: (state) => (state === undefined ? null : state.held)
})

/** Something of the last event; `null` for none. */
export const last = <V, A>(of: (value: V) => A): Fold<V, A | null, { held: A } | undefined> => ({
  init: () => undefined,
  add: (_state, value) => ({ held: of(value) }),
  done: (state) => (state === undefined ? null : state.held)
})

/** Something of every event, in order: a trajectory. */
export const collect = <V, A>(of: (value: V) => A): Fold<V, ReadonlyArray<A>, Array<A>> => ({
  init: () => [],
  add: (state, value) => {
    state.push(of(value))
    return state
  },
  done: (state) => [...state]
})

/** Several folds at once, by name. */
export const struct = <V, R extends Record<string, unknown>>(
  folds: {
    readonly [K in keyof R]: Fold<V, R[K]>
  }
): Fold<V, { readonly [K in keyof R]: R[K] }, Array<unknown>> => {
  const names = Object.keys(folds) as Array<keyof R>
  const parts = names.map((name) => folds[name])
  return {
    init: () => parts.map((part) => part.init()),
    add: (state, value, timeMillis) => {
      for (let i = 0; i < parts.length; i++) {
        state[i] = (parts[i] as Fold<V, unknown>).add(state[i], value, timeMillis)
      }
      return state
    },
    done: (state) =>
      Object.fromEntries(names.map((name, i) => [name, folds[name].done(state[i])])) as {
        readonly [K in keyof R]: R[K]
      }
  }
}
