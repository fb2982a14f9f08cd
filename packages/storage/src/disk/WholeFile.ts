import type { FileSystem } from "./FileSystem.ts"

/** Reads exactly `length` bytes at `position` unless the file ends before; answers how many there were. */
export const readFully = (
  fs: FileSystem,
  file: number,
  into: Uint8Array,
  at: number,
  length: number,
  position: number
): number => {
  let done = 0
  while (done < length) {
    const n = fs.read(file, into, at + done, length - done, position + done)
    if (n === 0) break
    done += n
  }
  return done
}

/** Writes all of `length` bytes, however few the disk takes at a time; a disk that takes none is full. */
export const writeFully = (
  fs: FileSystem,
  file: number,
  from: Uint8Array,
  at: number,
  length: number,
  position: number
): void => {
  let done = 0
  while (done < length) {
    const n = fs.write(file, from, at + done, length - done, position + done)
    if (n === 0) throw Object.assign(new Error("the disk took no bytes"), { code: "ENOSPC" })
    done += n
  }
}

/** The whole content of a file. */
export const readWhole = (fs: FileSystem, path: string): Uint8Array => {
  const file = fs.open(path, "read")
  try {
    const bytes = new Uint8Array(fs.size(file))
    return bytes.subarray(0, readFully(fs, file, bytes, 0, bytes.length, 0))
  } finally {
    fs.close(file)
  }
}

const parentOf = (path: string): string => {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"))
  return at < 0 ? "." : at === 0 ? path.slice(0, 1) : path.slice(0, at)
}

/**
 * Puts a file of this content under `path`, or leaves what was there: after a crash it is one or the other, whole.
 *
 * The order is the guarantee: write aside, sync the content, rename, sync the directory.
 */
export const replaceFile = (fs: FileSystem, path: string, content: Uint8Array): void => {
  const aside = `${path}.tmp`
  const file = fs.open(aside, "create")
  try {
    writeFully(fs, file, content, 0, content.length, 0)
    fs.sync(file)
  } finally {
    fs.close(file)
  }
  fs.rename(aside, path)
  syncParent(fs, path)
}

/** The same, with both syncs off the thread; `done` is called once, with what went wrong. */
export const replaceFileLater = (
  fs: FileSystem,
  path: string,
  content: Uint8Array,
  done: (error: unknown) => void
): void => {
  const aside = `${path}.tmp`
  const attempt = (step: () => void): void => {
    try {
      step()
    } catch (error) {
      done(error)
    }
  }
  attempt(() => {
    const file = fs.open(aside, "create")
    const closing = (step: () => void): void => {
      try {
        step()
      } catch (error) {
        fs.close(file)
        throw error
      }
    }
    closing(() => {
      writeFully(fs, file, content, 0, content.length, 0)
      fs.syncData(file, (error) =>
        attempt(() => {
          fs.close(file)
          if (error !== undefined) throw error
          fs.rename(aside, path)
          fs.syncDirectoryLater(parentOf(path), done)
        })
      )
    })
  })
}

/** Makes the name of a file durable. */
export const syncParent = (fs: FileSystem, path: string): void => fs.syncDirectory(parentOf(path))

/** Makes a directory and what is missing above it, and makes their names durable. */
export const ensureDirectory = (fs: FileSystem, path: string): void => {
  if (fs.list(path) !== undefined) return
  const parent = parentOf(path)
  if (parent !== path && parent !== ".") ensureDirectory(fs, parent)
  if (fs.makeDirectory(path)) fs.syncDirectory(parent)
}
