/** Session ids, from Node's crypto: the one place of this package that touches it. Synchronous, so that pure code may use it. */
import * as Crypto from "node:crypto"

/**
 * The id of the session whose earliest event (by time, then event id) is this one: 32 hex digits, the same in every
 * order of arrival, live and in batch.
 *
 * The first 128 bits of SHA-256 over `key`, U+001F, the time in decimal digits, U+001F, `eventId`, as UTF-8. In DuckDB:
 * `left(sha256(key || chr(31) || time || chr(31) || event_id), 32)`.
 */
export const sessionId = (key: string, timeMillis: number, eventId: string): string =>
  Crypto.hash("sha256", `${key}\u001f${timeMillis}\u001f${eventId}`, "hex").slice(0, 32)
