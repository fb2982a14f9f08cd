/** The latencies of the last moments, for quantiles of what is happening now: pure, the caller brings the time. */

/** Latencies of a sliding window. */
export interface LatencyWindow {
  /** One request took `latencyMillis` and ended at `nowMillis`; times must not fall. */
  readonly record: (nowMillis: number, latencyMillis: number) => void
  /**
   * The `q`-quantile (0 … 1, nearest rank) of what ended within the window before `nowMillis`; `undefined` when nothing did.
   * It sorts the samples, about 0.1 ms for a full window: ask some times a second, not at every request.
   */
  readonly quantile: (nowMillis: number, q: number) => number | undefined
}

/**
 * An empty window of `windowMillis` (default 2000). It keeps the newest `samplesMax` (default 4096): at a higher rate of requests the window is
 * shorter, not larger. A request that never ends is in no window: time out what is measured.
 */
export const make = (options?: {
  readonly windowMillis?: number
  readonly samplesMax?: number
}): LatencyWindow => {
  const { samplesMax = 4096, windowMillis = 2000 } = options ?? {}
  if (!(windowMillis > 0))
    throw new RangeError(`LatencyWindow.make: windowMillis is ${windowMillis}, must be above 0`)
  if (!Number.isSafeInteger(samplesMax) || samplesMax < 1) {
    throw new RangeError(
      `LatencyWindow.make: samplesMax is ${samplesMax}, must be a whole number of at least 1`
    )
  }
  const endedAt = new Float64Array(samplesMax)
  const latencies = new Float64Array(samplesMax)
  let recorded = 0

  return {
    record: (nowMillis, latencyMillis) => {
      endedAt[recorded % samplesMax] = nowMillis
      latencies[recorded % samplesMax] = latencyMillis
      recorded++
    },
    quantile: (nowMillis, q) => {
      const held = Math.min(recorded, samplesMax)
      const recent = new Float64Array(held)
      let count = 0
      // From the newest back, until one is too old.
      for (; count < held; count++) {
        const at = (recorded - 1 - count) % samplesMax
        if ((endedAt[at] ?? 0) <= nowMillis - windowMillis) break
        recent[count] = latencies[at] ?? 0
      }
      if (count === 0) return undefined
      const rank = Math.min(count, Math.max(1, Math.ceil(q * count)))
      return recent.subarray(0, count).sort()[rank - 1]
    }
  }
}
