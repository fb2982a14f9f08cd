/**
 * Subjects, filters, and the encoding of ids as tokens: pure functions that every backend and package shares.
 *
 * A subject is tokens `[A-Za-z0-9_=-]+` joined by `.`; a filter adds `*` (one token) and a final `>` (one or more).
 */

const tokenPattern = /^[A-Za-z0-9_=-]+$/
const namePattern = /^[A-Za-z0-9_-]{1,200}$/

/** True for a concrete subject: no wildcard, no empty token, at most 512 characters. */
export const isSubject = (subject: string): boolean =>
  subject.length > 0 && subject.length <= 512 && subject.split(".").every((token) => tokenPattern.test(token))

/** True for a subject with wildcards: `*` for one token, a final `>` for one or more. */
export const isFilter = (filter: string): boolean => {
  if (filter.length === 0 || filter.length > 512) return false
  const tokens = filter.split(".")
  return tokens.every(
    (token, index) =>
      token === "*" || (token === ">" && index === tokens.length - 1) || tokenPattern.test(token)
  )
}

/** True for the name of a topic or subscription. */
export const isName = (name: string): boolean => namePattern.test(name)

/** True when the concrete `subject` is one that `filter` names. */
export const matches = (filter: string, subject: string): boolean => {
  if (filter === ">" || filter === subject) return true
  const wanted = filter.split(".")
  const tokens = subject.split(".")
  for (let i = 0; i < wanted.length; i++) {
    const want = wanted[i]
    if (want === ">") return tokens.length > i
    if (i >= tokens.length) return false
    if (want !== "*" && want !== tokens[i]) return false
  }
  return wanted.length === tokens.length
}

/** A test for "any of these filters"; no filters means every subject. */
export const matcher = (filters: ReadonlyArray<string> | undefined): ((subject: string) => boolean) => {
  if (filters === undefined || filters.length === 0 || filters.includes(">")) return () => true
  return (subject) => filters.some((filter) => matches(filter, subject))
}

const utf8 = new TextEncoder()
const text = new TextDecoder("utf-8", { fatal: true })

/**
 * One token for any non-empty id: letters, digits, `_` and `-` stay, every other UTF-8 byte becomes `=XX` (upper-case hex).
 * One key works so as subject token, KeyValue key and file name; `decodeToken` is the inverse.
 */
export const encodeToken = (id: string): string => {
  if (id.length > 0 && namePattern.test(id)) return id
  let out = ""
  for (const byte of utf8.encode(id)) {
    const keeps =
      (byte >= 48 && byte <= 57) ||
      (byte >= 65 && byte <= 90) ||
      (byte >= 97 && byte <= 122) ||
      byte === 95 ||
      byte === 45
    out += keeps ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`
  }
  return out
}

/** The id that `encodeToken` made this token of; throws `TypeError` for a token it cannot have made. */
export const decodeToken = (token: string): string => {
  if (!token.includes("=")) return token
  const bytes: Array<number> = []
  for (let i = 0; i < token.length; i++) {
    if (token[i] !== "=") {
      bytes.push(token.charCodeAt(i))
      continue
    }
    const hex = token.slice(i + 1, i + 3)
    if (!/^[0-9A-F]{2}$/.test(hex)) throw new TypeError(`not an encoded token: ${token}`)
    bytes.push(Number.parseInt(hex, 16))
    i += 2
  }
  return text.decode(Uint8Array.from(bytes))
}

/** FNV-1a, 32 bits, of the UTF-8 bytes of `key`. Source: Fowler, Noll, Vo; the NATS server's `partition` uses it. */
export const fnv1a32 = (key: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code > 127) return fnv1aBytes(utf8.encode(key))
    hash = Math.imul(hash ^ code, 0x01000193)
  }
  return hash >>> 0
}

const fnv1aBytes = (bytes: Uint8Array): number => {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** The partition 0 … `partitions − 1` of a key: the same function as the NATS server's `partition(N, …)`. */
export const partitionOf = (key: string, partitions: number): number => fnv1a32(key) % partitions

/** The subject tokens of a partition: `p.<n>`. */
export const partitionSubject = (partition: number): string => `p.${partition}`
