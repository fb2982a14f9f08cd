/** How far a view is behind its input, in input sequences. */
export interface Progress {
  readonly done: number
  readonly total: number
  /** Input sequences per second, over the last few samples; 0 at the first. */
  readonly ratePerSecond: number
  /**
   * Time until the view has caught up: 0 when it has, `"never"` when the input grows as fast as the view folds,
   * `undefined` while there is only one sample.
   */
  readonly etaMillis: number | "never" | undefined
}

/** A measurement. */
export interface Sample {
  readonly timeMillis: number
  readonly done: number
  readonly total: number
}

const samplesKept = 16

/** The estimate from samples in time order: the first and the last of them count. */
export const estimate = (samples: ReadonlyArray<Sample>): Progress => {
  const last = samples.at(-1) ?? { timeMillis: 0, done: 0, total: 0 }
  const first = samples[0] ?? last
  const { done, total } = last
  const lag = total - done
  const millis = last.timeMillis - first.timeMillis
  const ratePerSecond = millis > 0 ? ((done - first.done) * 1000) / millis : 0
  if (lag <= 0) return { done, total, ratePerSecond, etaMillis: 0 }
  if (millis <= 0) return { done, total, ratePerSecond, etaMillis: undefined }
  const closedPerMilli = (first.total - first.done - lag) / millis
  const etaMillis = closedPerMilli > 0 ? Math.ceil(lag / closedPerMilli) : "never"
  return { done, total, ratePerSecond, etaMillis }
}

/** The samples with one more, the oldest dropped. */
export const record = (samples: ReadonlyArray<Sample>, sample: Sample): ReadonlyArray<Sample> =>
  [...samples, sample].slice(-samplesKept)
