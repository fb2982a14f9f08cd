/**
 * Sets of trajectories with a given share of buyers, by dropping as few as that takes.
 *
 * Who stays is drawn by session id and seed: the order of the input and other sessions change nothing about it but the
 * number that is dropped. The order of the input is kept.
 */
import { lot } from "./Lot.ts"
import { countBuyers, type Trajectory } from "./Trajectory.ts"

/** As they are. */
export const natural = (trajectories: ReadonlyArray<Trajectory>): ReadonlyArray<Trajectory> => trajectories

/**
 * A set in which buyers are the share `buyers` of all (0 < buyers < 1), as nearly as whole sessions allow; the paper's
 * imbalanced sets are 0.05 and 0.015. Only the class that there is too much of loses sessions.
 */
export const rate = (
  trajectories: ReadonlyArray<Trajectory>,
  buyers: number,
  seed: number
): ReadonlyArray<Trajectory> => {
  if (!(buyers > 0 && buyers < 1))
    throw new RangeError(`the share of buyers is ${buyers}, and must lie between 0 and 1`)
  const bought = countBuyers(trajectories)
  const others = trajectories.length - bought
  const tooManyBuyers = bought > buyers * trajectories.length
  const kept = tooManyBuyers
    ? Math.min(bought, Math.round((others * buyers) / (1 - buyers)))
    : Math.min(others, Math.round((bought * (1 - buyers)) / buyers))
  const label = tooManyBuyers ? 1 : 0
  const staying = new Set(
    trajectories
      .filter((trajectory) => trajectory.label === label)
      .map((trajectory) => ({ trajectory, drawn: lot(seed, trajectory.id) }))
      .sort((a, b) => a.drawn - b.drawn || (a.trajectory.id < b.trajectory.id ? -1 : 1))
      .slice(0, kept)
      .map(({ trajectory }) => trajectory)
  )
  return trajectories.filter((trajectory) => trajectory.label !== label || staying.has(trajectory))
}

/** As many buyers as others. */
export const balanced = (trajectories: ReadonlyArray<Trajectory>, seed: number): ReadonlyArray<Trajectory> =>
  rate(trajectories, 0.5, seed)
