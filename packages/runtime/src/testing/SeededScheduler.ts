import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import { type Dice, dice } from "./Dice.ts"

/** One in so many operations of a fiber is followed by another fiber, on average; 0: fibers give way only where they wait or yield. */
const preemptEvery = [0, 64, 16, 4]

/** In seeds that rank fibers, one in so many steps sends the fiber that took it to the end of the ranking. */
const demoteEvery = 16

/** Ranks at the beginning are below this. */
const ranks = 1_000_000

/** Whose a task is: one dispatcher, which a fiber or an actor system has to itself. */
interface Owner {
  /** The lowest goes first, in seeds that rank. */
  rank: number
}

interface Ready {
  readonly task: () => void
  readonly owner: Owner
}

interface Pool {
  readonly priority: number
  readonly ready: Array<Ready>
}

/**
 * Effect's scheduler, with an order drawn from a seed: of all tasks that are ready, in any fiber and any dispatcher, the dice
 * choose the next one, and they interrupt the work of a fiber between any two of its operations.
 *
 * Every order it chooses is one that Effect may choose too: a fiber may have to yield after any operation. Tasks of a higher
 * priority number wait until no lower one is left in any dispatcher, so a fiber can wait for the moment in which nothing else is ready.
 *
 * Half of the seeds choose evenly among all that is ready. The other half rank fibers at random and let the first that is ready go on until
 * the dice send it to the end: that finds what goes wrong when one fiber is slow and another fast (after Burckhardt et al., "A
 * Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010). How often fibers are interrupted is drawn once a seed as well.
 *
 * Nothing runs by itself: `run` runs tasks on the caller's stack, so nothing but the seed has a say in the order.
 */
export class SeededScheduler implements Scheduler.Scheduler {
  readonly executionMode = "sync"
  /** Tasks run so far. */
  steps = 0
  /** A hash of all choices so far: two runs with one order have it in common. */
  order = 0
  private readonly roll: Dice
  private readonly ranking: boolean
  private lastRank = ranks
  private readonly preemptEvery: number
  private opsLeft: number
  /** Ready tasks, by ascending priority number. */
  private readonly pools: Array<Pool> = []

  constructor(seed: number) {
    this.roll = dice(seed)
    this.ranking = this.roll(2) === 0
    this.preemptEvery = preemptEvery[this.roll(preemptEvery.length)] as number
    this.opsLeft = this.preemptEvery
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    // Not before the first operation: Effect never does, and a fiber that was interrupted before it began would begin all the same.
    if (this.preemptEvery > 0 && fiber.currentOpCount > 1 && --this.opsLeft <= 0) {
      this.opsLeft = 1 + this.roll(2 * this.preemptEvery)
      return true
    }
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const owner = { rank: this.roll(ranks) }
    return {
      scheduleTask: (task, priority) => this.poolOf(priority).ready.push({ task, owner }),
      flush: () => this.run(() => false, Number.POSITIVE_INFINITY)
    }
  }

  /** Runs ready tasks until there is none, `done` says so, or `stepsMax` more were run. */
  run(done: () => boolean, stepsMax: number): void {
    for (let left = stepsMax; left > 0 && !done(); left--) {
      const task = this.next()
      if (task === undefined) return
      this.steps++
      task()
    }
  }

  private next(): (() => void) | undefined {
    const pool = this.pools.find(({ ready }) => ready.length > 0)
    if (pool === undefined) return undefined
    const { priority, ready } = pool
    const index = this.ranking ? this.first(ready) : this.roll(ready.length)
    this.order = Math.imul(this.order ^ (index + 1) ^ (ready.length << 12) ^ (priority << 24), 0x01000193)
    const chosen = ready[index] as Ready
    const last = ready.pop() as Ready
    if (index < ready.length) ready[index] = last
    if (this.ranking && this.roll(demoteEvery) === 0) chosen.owner.rank = ++this.lastRank
    return chosen.task
  }

  /** Any task of the owner that goes first. */
  private first(ready: ReadonlyArray<Ready>): number {
    let rank = Number.POSITIVE_INFINITY
    for (const { owner } of ready) if (owner.rank < rank) rank = owner.rank
    let index = this.roll(ready.length)
    while (ready[index]?.owner.rank !== rank) index = (index + 1) % ready.length
    return index
  }

  private poolOf(priority: number): Pool {
    const at = this.pools.findIndex((pool) => pool.priority >= priority)
    const found = this.pools[at]
    if (found?.priority === priority) return found
    const pool = { priority, ready: [] }
    this.pools.splice(at < 0 ? this.pools.length : at, 0, pool)
    return pool
  }
}
