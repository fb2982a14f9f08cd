import { Sets, type Trajectory } from "@troupe/intent"
import * as Schema from "effect/Schema"

/** Which sessions are evaluated: as they are, as many buyers as others, or the paper's two shares of buyers. */
export const SetName = Schema.Literals(["natural", "balanced", "5%", "1.5%"])
export type SetName = typeof SetName.Type

/** The set of that name; who stays is drawn by session and seed. */
export const choose = (
  name: SetName,
  trajectories: ReadonlyArray<Trajectory.Trajectory>,
  seed: number
): ReadonlyArray<Trajectory.Trajectory> => {
  switch (name) {
    case "natural":
      return Sets.natural(trajectories)
    case "balanced":
      return Sets.balanced(trajectories, seed)
    case "5%":
      return Sets.rate(trajectories, 0.05, seed)
    case "1.5%":
      return Sets.rate(trajectories, 0.015, seed)
  }
}
