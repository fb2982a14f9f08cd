import { type Contender, measured } from "@troupe/bench"

/** No rival but a figure that must not be exceeded: a ratio of one or more holds it. */
export const limit = (value: number, what: string): Contender & { readonly name: string } => ({
  name: `limit of ${what}`,
  durability: "memory",
  run: () => measured(value)
})
