/** Writes a whole number up to 2^53 − 1 as an unsigned little-endian u64. */
export const writeU64 = (view: DataView, at: number, value: number): void => {
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true)
}

/** Reads an unsigned little-endian u64; above 2^53 − 1 the low bits are rounded, which no valid file holds. */
export const readU64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000

/** The next multiple of 8. */
export const align8 = (length: number): number => Math.ceil(length / 8) * 8

/** The next multiple of 4. */
export const align4 = (length: number): number => Math.ceil(length / 4) * 4
