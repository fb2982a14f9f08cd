/** What one record is made of. All bytes are copied by `append` before it returns. */
export interface LogRecord {
  readonly value: Uint8Array
  /** When it happened or came, in whole milliseconds since 1970 (a fraction is dropped); the caller's clock, not the log's. */
  readonly timeMillis: number
  /** What it is about: readers filter on it cheaply. */
  readonly subject?: string | undefined
  /** What it replaces when the log is compacted by key; an empty key is no key. */
  readonly key?: Uint8Array | undefined
  /** Anything beside the value, encoded by the caller; empty is none. */
  readonly headers?: Uint8Array | undefined
  /** True says that the key is deleted. */
  readonly tombstone?: boolean | undefined
  /** Four bits of the caller's own, 0 to 15; default 0. */
  readonly mark?: number | undefined
}
