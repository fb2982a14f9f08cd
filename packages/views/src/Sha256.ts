/** SHA-256 from Node's crypto: the one place of this package that touches it. Synchronous, so that pure code may use it. */
import * as Crypto from "node:crypto"

/** SHA-256 of the parts, one after the other, as 64 hex digits. */
export const hex = (...parts: ReadonlyArray<Uint8Array | string>): string => {
  const hash = Crypto.createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}

/** SHA-256 of the UTF-8 bytes of a text, as 64 hex digits; about 1 µs for a short one. */
export const ofText = (text: string): string => Crypto.hash("sha256", text, "hex")

/** A hash that is fed bit by bit. */
export interface Running {
  readonly update: (bytes: Uint8Array) => void
  /** The digest of all that was fed, as 64 hex digits; ends the hash. */
  readonly hex: () => string
}

/** Begins a hash. */
export const begin = (): Running => {
  const hash = Crypto.createHash("sha256")
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") }
}
