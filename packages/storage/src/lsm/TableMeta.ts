/** What the manifest says about one sorted table. */
export interface TableMeta {
  /** Its number, and its name: no two tables of a store ever have the same. */
  readonly id: number
  /** Bytes of the file. */
  readonly bytes: number
  readonly entries: number
  readonly tombstones: number
  readonly sequenceMin: number
  readonly sequenceMax: number
  /** `footerCrc`: the table that the manifest means, not an older one of the same name. */
  readonly crc: number
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}

/** `<20 digits>.sst`. */
export const tableName = (id: number): string => `${String(id).padStart(20, "0")}.sst`

/** The number in a table's name, or `undefined` for any other name. */
export const idOfTableName = (name: string): number | undefined =>
  /^\d{20}\.sst$/.test(name) ? Number(name.slice(0, 20)) : undefined
