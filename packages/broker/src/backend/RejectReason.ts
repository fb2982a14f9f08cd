const unitsMax = 1_000

/** The reason of a `reject` as every backend tells it: one line, without space around it, at most 1 000 UTF-16 units. */
export const rejectReason = (reason: string): string =>
  reason
    .slice(0, unitsMax)
    .replace(/[\r\n]+/g, " ")
    .trim()
    .toWellFormed()
