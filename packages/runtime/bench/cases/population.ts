import { type Contender, type Measured, measured } from "@troupe/bench"
import { bytesAlive } from "./heap.ts"

/** Actors in memory, made by one side of a comparison. */
export interface Population {
  /** Makes `count` actors with ids of their own and returns when they are there; what that means is the side's own. */
  readonly grow: (count: number) => Promise<void>
  /** Ends all of them. */
  readonly end: () => Promise<void>
}

export type Settle = () => Promise<Population>

const counts = { quick: 50_000, long: 200_000 }

/** Garbage of the other side is collected before, and the actors are ended after the figure is taken. */
const figure =
  (settle: Settle, take: (population: Population, count: number) => Promise<Measured>): Contender["run"] =>
  async ({ quick }) => {
    const population = await settle()
    const count = quick ? counts.quick : counts.long
    const taken = await take(population, count)
    await population.end()
    return taken
  }

/** How many actors a second. */
export const growth = (settle: Settle): Contender => ({
  durability: "memory",
  run: figure(settle, async (population, count) => {
    bytesAlive()
    const begin = process.hrtime.bigint()
    await population.grow(count)
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9
    return measured(count / seconds)
  })
})

/** Bytes of heap an actor, its id included. */
export const weight = (settle: Settle): Contender => ({
  durability: "memory",
  run: figure(settle, async (population, count) => measured((await bytesOf(population, count)) / count))
})

/** Megabytes of heap that so many actors take, their ids included. */
export const heap = (settle: Settle, count: number): Contender => ({
  durability: "memory",
  run: figure(settle, async (population) => measured((await bytesOf(population, count)) / 1e6))
})

const bytesOf = async (population: Population, count: number): Promise<number> => {
  const before = bytesAlive()
  await population.grow(count)
  return bytesAlive() - before
}
