import * as fs from "node:fs"
import * as path from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { BatchError, DiskFailed } from "./BatchError.ts"

/** Everything this package does to a disk, so that a test can end a process at any of it. */
export interface Disk {
  /** Makes a directory and what is missing above it. */
  readonly makeDirectory: (directory: string) => Effect.Effect<void, BatchError>
  /** Names in a directory, sorted; none when there is no such directory. */
  readonly list: (directory: string) => Effect.Effect<ReadonlyArray<string>, BatchError>
  readonly read: (file: string) => Effect.Effect<Uint8Array, BatchError>
  readonly size: (file: string) => Effect.Effect<number, BatchError>
  /** Writes a whole file and waits until it is on the device. */
  readonly write: (file: string, bytes: Uint8Array) => Effect.Effect<void, BatchError>
  /** Lets somebody else (DuckDB) write a whole file, and waits until it is on the device. */
  readonly writeBy: <E>(file: string, writer: Effect.Effect<void, E>) => Effect.Effect<void, E | BatchError>
  readonly rename: (from: string, to: string) => Effect.Effect<void, BatchError>
  /** Gives a file a second name, atomically; false when that name is taken: compare-and-set on a file system. */
  readonly link: (from: string, to: string) => Effect.Effect<boolean, BatchError>
  /** Removes a file if it is there. */
  readonly remove: (file: string) => Effect.Effect<void, BatchError>
  /** Makes the names in a directory durable. */
  readonly syncDirectory: (directory: string) => Effect.Effect<void, BatchError>
}

const attempt = <A>(file: string, call: () => A): Effect.Effect<A, BatchError> =>
  Effect.try({
    try: call,
    catch: (cause) =>
      new BatchError({ operation: "disk", reason: new DiskFailed({ path: path.basename(file), cause }) })
  })

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code

/** The value of `call`, or `instead` when it fails with this code. */
const unless = <A>(code: string, instead: A, call: () => A): A => {
  try {
    return call()
  } catch (error) {
    if (isCode(error, code)) return instead
    throw error
  }
}

const withFile = (file: string, flags: string, use: (handle: number) => void): void => {
  const handle = fs.openSync(file, flags)
  try {
    use(handle)
  } finally {
    fs.closeSync(handle)
  }
}

/** The real disk: the one place of this package that imports `node:fs`. */
export const nodeDisk: Disk = {
  makeDirectory: (directory) =>
    attempt(directory, () => {
      fs.mkdirSync(directory, { recursive: true })
    }),
  list: (directory) =>
    attempt(directory, () => unless<Array<string>>("ENOENT", [], () => fs.readdirSync(directory)).sort()),
  read: (file) => attempt(file, () => fs.readFileSync(file)),
  size: (file) => attempt(file, () => fs.statSync(file).size),
  write: (file, bytes) =>
    attempt(file, () =>
      withFile(file, "w", (handle) => {
        fs.writeFileSync(handle, bytes)
        fs.fsyncSync(handle)
      })
    ),
  writeBy: (file, writer) =>
    Effect.andThen(
      writer,
      attempt(file, () => withFile(file, "r+", fs.fsyncSync))
    ),
  rename: (from, to) => attempt(to, () => fs.renameSync(from, to)),
  link: (from, to) =>
    attempt(to, () =>
      unless("EEXIST", false, () => {
        fs.linkSync(from, to)
        return true
      })
    ),
  remove: (file) => attempt(file, () => fs.rmSync(file, { force: true })),
  syncDirectory: (directory) =>
    attempt(directory, () => {
      // Windows cannot open a directory; its file systems journal names by themselves.
      if (process.platform !== "win32") withFile(directory, "r", fs.fsyncSync)
    })
}

/** The disk that archives and publications are on: the real one unless a test provides another. */
export const Disk: Context.Reference<Disk> = Context.Reference<Disk>("@troupe/batch/Disk", {
  defaultValue: () => nodeDisk
})
