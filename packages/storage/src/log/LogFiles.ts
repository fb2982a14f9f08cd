const digits = 20

/** `<20 digits>.log`: the segment that begins with this sequence. */
export const segmentName = (baseSequence: number): string =>
  `${String(baseSequence).padStart(digits, "0")}.log`

/** `<20 digits>.idx`: its index, written when it is sealed. */
export const indexName = (baseSequence: number): string => `${String(baseSequence).padStart(digits, "0")}.idx`

/** The sequence in a segment's name, or `undefined` for any other name. */
export const baseOfSegmentName = (name: string): number | undefined =>
  /^\d{20}\.log$/.test(name) ? Number(name.slice(0, digits)) : undefined

/** The sequence in an index file's name, or `undefined` for any other name. */
export const baseOfIndexName = (name: string): number | undefined =>
  /^\d{20}\.idx$/.test(name) ? Number(name.slice(0, digits)) : undefined

/** The copy of what recovery cut from a segment at `position`; `nth` tells several cuts at one place apart. */
export const cutName = (baseSequence: number, position: number, nth: number): string =>
  `${String(baseSequence).padStart(digits, "0")}.${position}${nth === 0 ? "" : `.${nth}`}.cut`

/** What is kept beside the segments: how far they are compacted, and which of their records are deleted. */
export const stateName = "log.state"

/** The copy of damaged bytes that a repair took out of a segment at `position`; `nth` tells several apart. */
export const quarantineName = (baseSequence: number, position: number, nth: number): string =>
  `${String(baseSequence).padStart(digits, "0")}.${position}${nth === 0 ? "" : `.${nth}`}.bad`

/** True for a file that a crash left half-replaced; it holds nothing that counts. */
export const isLeftover = (name: string): boolean =>
  /^(?:\d{20}\.(?:log|idx|[\d.]+cut|[\d.]+bad)|log\.state)\.tmp$/.test(name)

/** A file of this log's directory. */
export const inDirectory = (directory: string, name: string): string => `${directory}/${name}`
