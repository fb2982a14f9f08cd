/** Where a cell is in its life. */
export const Phase = {
  /** Nothing to do; the mailbox is empty. */
  idle: 0,
  /** Its drain waits for its turn on the dispatcher. */
  scheduled: 1,
  /** Its drain is on the stack. */
  busy: 2,
  /** Fibers work for it: a handler, the build of its first life, or as many handlers as may run at once. */
  waiting: 3,
  /** A fiber restarts it. */
  restarting: 4,
  /** A life ends; messages wait for the next one, or are refused. */
  closing: 5,
  /** Gone: a reference looks the actor up again. */
  dead: 6
} as const

export type Phase = (typeof Phase)[keyof typeof Phase]
