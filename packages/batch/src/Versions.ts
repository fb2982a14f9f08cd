import * as Hash from "node:crypto"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { BatchError, Damaged, Fenced } from "./BatchError.ts"
import { Disk } from "./Disk.ts"

/** One committed version of a document. */
export interface Version {
  /** 1, 2, 3 …; 0 when nothing was committed yet. */
  readonly version: number
  readonly body: string
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

const nameOf = (name: string, version: number): string => `${name}.${String(version).padStart(10, "0")}.json`

const versionsIn = (name: string, files: ReadonlyArray<string>): ReadonlyArray<number> =>
  files
    .filter((file) => file.startsWith(`${name}.`) && /\.\d{10}\.json$/.test(file))
    .map((file) => Number(file.slice(-15, -5)))
    .sort((a, b) => a - b)

let asides = 0

const digestOf = (body: string): string => Hash.hash("sha256", body, "hex")

/** Number of the newest version of a document in a directory, without reading it; 0 for none. */
export const newestNumber = (directory: string, name: string): Effect.Effect<number, BatchError> =>
  Effect.gen(function* () {
    return versionsIn(name, yield* (yield* Disk).list(directory)).at(-1) ?? 0
  })

/**
 * Reads the newest version of a document in a directory: a file `<name>.<version>.json` whose last line is the SHA-256 of the rest.
 * Fails with `Damaged` when the file is not what was written.
 */
export const newest = (directory: string, name: string): Effect.Effect<Version, BatchError> =>
  Effect.gen(function* () {
    const disk = yield* Disk
    const version = versionsIn(name, yield* disk.list(directory)).at(-1)
    if (version === undefined) return { version: 0, body: "" }
    const file = path.join(directory, nameOf(name, version))
    const read = text.decode(yield* disk.read(file))
    const cut = read.lastIndexOf("\n", read.length - 2)
    const body = read.slice(0, cut)
    if (cut < 0 || read.slice(cut + 1) !== `${digestOf(body)}\n`) {
      return yield* new BatchError({
        operation: "read",
        reason: new Damaged({ path: path.basename(file), found: "does not match its digest" })
      })
    }
    return { version, body }
  })

/**
 * Commits version `version` of a document, once: written aside, synced, then linked under its name, which fails when the name is taken.
 *
 * Of two processes that build on the same version one commits and the other gets `Fenced`; no clock and no lock file is involved.
 * The two versions before stay for readers that have just listed them; older ones are removed.
 */
export const commit = (
  directory: string,
  name: string,
  version: number,
  body: string
): Effect.Effect<void, BatchError> =>
  Effect.gen(function* () {
    const disk = yield* Disk
    const file = path.join(directory, nameOf(name, version))
    // Two that commit at the same time, in one process or in two, must not write the same file aside.
    const aside = path.join(directory, `${nameOf(name, version)}.${process.pid}-${asides++}.tmp`)
    yield* disk.write(aside, utf8.encode(`${body}\n${digestOf(body)}\n`))
    const linked = yield* disk.link(aside, file)
    yield* disk.remove(aside)
    yield* disk.syncDirectory(directory)
    const versions = versionsIn(name, yield* disk.list(directory))
    // A higher one means that `version` had been there, and was removed as old: this commit is seen by nobody.
    if (!linked || versions.at(-1) !== version) {
      return yield* new BatchError({ operation: `commit ${name}`, reason: new Fenced({ version }) })
    }
    for (const old of versions.slice(0, -3)) yield* disk.remove(path.join(directory, nameOf(name, old)))
  })
