import type * as Cause from "effect/Cause"

/** True for failures that a handler declares: they go to the asker and crash nobody. */
export const isDomainFailure = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.length > 0 && cause.reasons.every((reason) => reason._tag === "Fail")
