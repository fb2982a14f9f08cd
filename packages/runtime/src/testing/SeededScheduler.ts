import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import { type Dice, dice } from "./Dice.ts"

/** One in so many operations of a fiber is followed by another fiber, on average; 0: fibers give way only where they wait or yield. */
const preemptEvery = [0, 64, 16, 4]

interface Pool {
  readonly priority: number
  readonly tasks: Array<() => void>
}

/**
 * Effect's scheduler, with an order drawn from a seed: of all tasks that are ready, in any fiber and any dispatcher, the dice
 * choose the next one, and they interrupt the work of a fiber between any two of its operations.
 *
 * Every order it chooses is one that Effect may choose too: a fiber may have to yield after any operation. How often it does so
 * here is drawn once a seed, so that some seeds favour long stretches and some short ones. Tasks of a higher priority number wait until no
 * lower one is left in any dispatcher, so a fiber can wait for the moment in which nothing else is ready.
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
  private readonly preemptEvery: number
  private opsLeft: number
  /** Ready tasks, by ascending priority number. */
  private readonly pools: Array<Pool> = []

  constructor(seed: number) {
    this.roll = dice(seed)
    this.preemptEvery = preemptEvery[this.roll(preemptEvery.length)] as number
    this.opsLeft = this.preemptEvery
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (this.preemptEvery > 0 && --this.opsLeft <= 0) {
      this.opsLeft = 1 + this.roll(2 * this.preemptEvery)
      return true
    }
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (task, priority) => this.poolOf(priority).tasks.push(task),
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
    const pool = this.pools.find(({ tasks }) => tasks.length > 0)
    if (pool === undefined) return undefined
    const { priority, tasks } = pool
    const index = this.roll(tasks.length)
    this.order = Math.imul(this.order ^ (index + 1) ^ (tasks.length << 12) ^ (priority << 24), 0x01000193)
    const chosen = tasks[index]
    const last = tasks.pop()
    if (index < tasks.length) tasks[index] = last as () => void
    return chosen
  }

  private poolOf(priority: number): Pool {
    const at = this.pools.findIndex((pool) => pool.priority >= priority)
    const found = this.pools[at]
    if (found?.priority === priority) return found
    const pool = { priority, tasks: [] }
    this.pools.splice(at < 0 ? this.pools.length : at, 0, pool)
    return pool
  }
}
