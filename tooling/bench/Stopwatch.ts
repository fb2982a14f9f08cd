/** Reads the clocks that a turn is measured with. */
export interface Stopwatch {
  /** Time passed, in milliseconds. */
  readonly wallMillis: () => number
  /** CPU time of this process over all its threads, user and system, in milliseconds. */
  readonly cpuMillis: () => number
}

/** The clocks of this process. */
export const processStopwatch: Stopwatch = {
  wallMillis: () => Number(process.hrtime.bigint()) / 1e6,
  cpuMillis: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e3
  }
}
