/**
 * Train, validation and test sets that share nobody: all prefixes of a session, and by user all sessions of a user, are
 * in one of them. Models learn from `train`; thresholds and stopping are chosen on `validation`; figures are of `test`.
 */
import { lot } from "./Lot.ts"
import type { Trajectory } from "./Trajectory.ts"

/** Three disjoint sets that together are all. */
export interface Split {
  readonly train: ReadonlyArray<Trajectory>
  readonly validation: ReadonlyArray<Trajectory>
  readonly test: ReadonlyArray<Trajectory>
}

/** Shares of validation and test, default 0.2 each; the rest is for training. */
export interface Shares {
  readonly validation?: number
  readonly test?: number
}

const sharesOf = ({ test = 0.2, validation = 0.2 }: Shares) => {
  if (!(validation >= 0 && test >= 0 && validation + test < 1)) {
    throw new RangeError(
      `validation ${validation} and test ${test} must not be negative, and leave something to train on`
    )
  }
  return { test, validation }
}

/**
 * Splits by user: each user is drawn, by name and seed, into one of the sets. Shares hold on average; with few users they
 * do not hold exactly. More data moves nobody from one set to another.
 */
export const byUser = (
  trajectories: ReadonlyArray<Trajectory>,
  options: Shares & { readonly seed: number }
): Split => {
  const { test, validation } = sharesOf(options)
  const split = {
    train: [] as Array<Trajectory>,
    validation: [] as Array<Trajectory>,
    test: [] as Array<Trajectory>
  }
  for (const trajectory of trajectories) {
    const drawn = lot(options.seed, trajectory.user)
    split[drawn < test ? "test" : drawn < test + validation ? "validation" : "train"].push(trajectory)
  }
  return split
}

/**
 * Splits by the time at which sessions begin: train, then validation, then test; sessions that begin in the same
 * millisecond stay together. A user may be in more than one set: that is what happens when a model goes live.
 */
export const byTime = (trajectories: ReadonlyArray<Trajectory>, options: Shares = {}): Split => {
  const { test, validation } = sharesOf(options)
  const sorted = [...trajectories].sort((a, b) => a.startMillis - b.startMillis || (a.id < b.id ? -1 : 1))
  const cut = (share: number) => {
    let at = Math.round(sorted.length * share)
    while (at > 0 && at < sorted.length && sorted[at]?.startMillis === sorted[at - 1]?.startMillis) at++
    return at
  }
  const toValidation = cut(1 - validation - test)
  const toTest = Math.max(toValidation, cut(1 - test))
  return {
    train: sorted.slice(0, toValidation),
    validation: sorted.slice(toValidation, toTest),
    test: sorted.slice(toTest)
  }
}

/**
 * `count` splits by user in which each user is tested exactly once: for data sets with few buyers. The fold after the
 * tested one is for validation. Users who bought are dealt out evenly, and so are the others.
 */
export const folds = (
  trajectories: ReadonlyArray<Trajectory>,
  options: { readonly count: number; readonly seed: number }
): ReadonlyArray<Split> => {
  const { count, seed } = options
  if (!(Number.isInteger(count) && count >= 3)) {
    throw new RangeError(`there are ${count} folds, and must be at least 3`)
  }
  const bought = new Map<string, boolean>()
  for (const { label, user } of trajectories) bought.set(user, label === 1 || bought.get(user) === true)
  const dealt = new Map<string, number>()
  let place = 0
  // Going on where the first deal ended keeps the folds' sizes apart by one user at most.
  for (const buyers of [true, false]) {
    const users = Array.from(bought).flatMap(([user, buys]) =>
      buys === buyers ? [{ user, drawn: lot(seed, user) }] : []
    )
    users.sort((a, b) => a.drawn - b.drawn || (a.user < b.user ? -1 : 1))
    for (const { user } of users) dealt.set(user, place++ % count)
  }
  const parts = Array.from({ length: count }, () => [] as Array<Trajectory>)
  for (const trajectory of trajectories) parts[dealt.get(trajectory.user) ?? 0]?.push(trajectory)
  return parts.map((test, i) => ({
    test,
    validation: parts[(i + 1) % count] ?? [],
    train: parts.flatMap((part, j) => (j === i || j === (i + 1) % count ? [] : part))
  }))
}
