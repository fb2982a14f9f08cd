import * as fs from "node:fs"
import type { FileSystem, OpenMode } from "./FileSystem.ts"

const flags: Record<OpenMode, string> = { read: "r", write: "r+", create: "w+" }

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code

const ignoring = <A>(code: string, instead: A, call: () => A): A => {
  try {
    return call()
  } catch (error) {
    if (hasCode(error, code)) return instead
    throw error
  }
}

/** The real disk. The only place in the package that imports `node:fs`. */
export const nodeFileSystem: FileSystem = {
  makeDirectory: (path) =>
    ignoring("EEXIST", false, () => {
      fs.mkdirSync(path)
      return true
    }),
  list: (directory) =>
    ignoring<ReadonlyArray<string> | undefined>("ENOENT", undefined, () => fs.readdirSync(directory)),
  open: (path, mode) => fs.openSync(path, flags[mode]),
  close: (file) => fs.closeSync(file),
  size: (file) => fs.fstatSync(file).size,
  read: (file, into, at, length, position) => fs.readSync(file, into, at, length, position),
  write: (file, from, at, length, position) => fs.writeSync(file, from, at, length, position),
  truncate: (file, size) => fs.ftruncateSync(file, size),
  sync: (file) => fs.fsyncSync(file),
  syncData: (file, done) => fs.fdatasync(file, (error) => done(error ?? undefined)),
  syncDirectory: (directory) => {
    // Windows cannot open a directory; its file systems journal names by themselves.
    if (process.platform === "win32") return
    const handle = fs.openSync(directory, "r")
    try {
      fs.fsyncSync(handle)
    } finally {
      fs.closeSync(handle)
    }
  },
  syncDirectoryLater: (directory, done) => {
    if (process.platform === "win32") {
      setImmediate(done, undefined)
      return
    }
    fs.open(directory, "r", (failed, handle) => {
      if (failed !== null) {
        done(failed)
        return
      }
      fs.fsync(handle, (error) => {
        fs.closeSync(handle)
        done(error ?? undefined)
      })
    })
  },
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.rmSync(path)
}
