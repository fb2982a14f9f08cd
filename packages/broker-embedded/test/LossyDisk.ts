import * as fs from "node:fs"
import * as path from "node:path"
import * as Context from "effect/Context"
import { randomFrom } from "./Seeded.ts"

/** The disk under the logs, which a test may replace: the reference of `@troupe/storage`, by its key. */
export const LogDisk = Context.Reference<LossyDisk | undefined>("@troupe/storage/disk/FileSystem", {
  defaultValue: () => undefined
})

type Change = { readonly at: number; readonly bytes: Buffer } | { readonly size: number }

interface File {
  /** What a power cut leaves for certain. */
  device: Buffer
  unsynced: Array<Change>
  /** Its name is not on the device yet. */
  isNew: boolean
}

/** What goes wrong at which call, counted from 1: the call fails, or the power goes and every later call fails too. */
export interface DiskFaults {
  readonly failAt?: number
  readonly code?: "EIO" | "ENOSPC"
  readonly cutAt?: number
}

const failure = (code: string, syscall: string): Error =>
  Object.assign(new Error(`${code}: simulated, ${syscall}`), { code, syscall })

const apply = (content: Buffer, change: Change): Buffer => {
  const size = "size" in change ? change.size : Math.max(content.length, change.at + change.bytes.length)
  const next = Buffer.alloc(size)
  content.copy(next, 0, 0, Math.min(size, content.length))
  if ("bytes" in change) change.bytes.copy(next, change.at)
  return next
}

/**
 * The real disk, which remembers what was not synced: a power cut keeps, drops, reorders or tears that, and a failed sync
 * drops what it should have kept. Has the dozen calls of the storage package's `FileSystem`.
 */
export class LossyDisk {
  calls = 0
  isCut = false
  private readonly faults: DiskFaults
  private readonly files = new Map<string, File>()
  private readonly handles = new Map<number, string>()

  constructor(faults: DiskFaults = {}) {
    this.faults = faults
  }

  /** Makes `to` what the power cut left of the directory `from`. */
  restore(from: string, to: string, seed: number): void {
    this.isCut = true
    const random = randomFrom(seed)
    fs.cpSync(from, to, { recursive: true })
    for (const [file, { device, isNew, unsynced }] of this.files) {
      const copy = path.join(to, path.relative(from, file))
      if (!fs.existsSync(copy)) continue
      if (isNew && random() < 0.5) {
        fs.rmSync(copy)
        continue
      }
      let content = device
      for (const change of unsynced) {
        if (random() < 0.4) continue
        const isTorn = "bytes" in change && random() < 0.4
        content = apply(
          content,
          isTorn ? { at: change.at, bytes: change.bytes.subarray(0, random() * change.bytes.length) } : change
        )
      }
      fs.writeFileSync(copy, content)
    }
  }

  makeDirectory = (directory: string): boolean => {
    this.call("mkdir")
    if (fs.existsSync(directory)) return false
    fs.mkdirSync(directory)
    return true
  }

  list = (directory: string): ReadonlyArray<string> | undefined => {
    this.call("scandir")
    return fs.existsSync(directory) ? fs.readdirSync(directory) : undefined
  }

  open = (file: string, mode: "read" | "write" | "create"): number => {
    this.call("open")
    const isThere = fs.existsSync(file)
    const handle = fs.openSync(file, { read: "r", write: "r+", create: "w+" }[mode])
    this.handles.set(handle, file)
    if (!this.files.has(file)) {
      const device = isThere && mode !== "create" ? fs.readFileSync(file) : Buffer.alloc(0)
      this.files.set(file, { device, unsynced: [], isNew: !isThere })
    } else if (mode === "create") this.of(handle).unsynced.push({ size: 0 })
    return handle
  }

  close = (handle: number): void => {
    // Also of a dead process: the handle itself is real.
    fs.closeSync(handle)
    this.handles.delete(handle)
    this.call("close")
  }

  size = (handle: number): number => {
    this.call("fstat")
    return fs.fstatSync(handle).size
  }

  read = (handle: number, into: Uint8Array, at: number, length: number, position: number): number => {
    this.call("read")
    return fs.readSync(handle, into, at, length, position)
  }

  write = (handle: number, from: Uint8Array, at: number, length: number, position: number): number => {
    this.call("write", () => this.put(handle, from, at, Math.floor(length / 2), position))
    return this.put(handle, from, at, length, position)
  }

  truncate = (handle: number, size: number): void => {
    this.call("ftruncate")
    fs.ftruncateSync(handle, size)
    this.of(handle).unsynced.push({ size })
  }

  sync = (handle: number): void => {
    this.call("fsync", () => this.of(handle).unsynced.splice(0))
    this.synced(handle, this.of(handle).unsynced.length)
  }

  syncData = (handle: number, done: (error: unknown) => void): void => {
    const covered = this.of(handle).unsynced.length
    setImmediate(() => {
      try {
        this.call("fdatasync", () => this.of(handle).unsynced.splice(0, covered))
        this.synced(handle, covered)
      } catch (error) {
        done(error)
        return
      }
      done(undefined)
    })
  }

  syncDirectory = (directory: string): void => {
    this.call("fsync")
    for (const [file, entry] of this.files) if (path.dirname(file) === directory) entry.isNew = false
  }

  syncDirectoryLater = (directory: string, done: (error: unknown) => void): void => {
    const covered = [...this.files].filter(([file]) => path.dirname(file) === directory)
    setImmediate(() => {
      try {
        this.call("fsync")
        for (const [, entry] of covered) entry.isNew = false
      } catch (error) {
        done(error)
        return
      }
      done(undefined)
    })
  }

  rename = (from: string, to: string): void => {
    this.call("rename")
    fs.renameSync(from, to)
    const file = this.files.get(from)
    this.files.delete(from)
    if (file !== undefined) this.files.set(to, file)
  }

  remove = (file: string): void => {
    this.call("unlink")
    fs.rmSync(file)
    this.files.delete(file)
  }

  private call(syscall: string, halfway: () => unknown = () => {}): void {
    this.calls++
    const { code = "EIO", cutAt, failAt } = this.faults
    if (this.calls === cutAt) {
      halfway()
      this.isCut = true
    }
    if (this.isCut) throw failure("EIO", syscall)
    if (this.calls === failAt) {
      halfway()
      throw failure(code, syscall)
    }
  }

  private put(handle: number, from: Uint8Array, at: number, length: number, position: number): number {
    const written = fs.writeSync(handle, from, at, length, position)
    this.of(handle).unsynced.push({ at: position, bytes: Buffer.from(from.subarray(at, at + written)) })
    return written
  }

  private synced(handle: number, count: number): void {
    const file = this.of(handle)
    for (const change of file.unsynced.splice(0, count)) file.device = apply(file.device, change)
  }

  private of(handle: number): File {
    const file = this.files.get(this.handles.get(handle) ?? "")
    if (file === undefined) throw failure("EBADF", "handle")
    return file
  }
}
