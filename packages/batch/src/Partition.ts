/** The partition of a subject `p.<n>` or `p.<n>.…`; -1 for any other subject. */
export const partitionOf = (subject: string): number => {
  const match = /^p\.(\d+)(?:\.|$)/.exec(subject)
  return match === null ? -1 : Number(match[1])
}
