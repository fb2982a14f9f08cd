import type { FileSystem, OpenMode } from "./FileSystem.ts"

type Change =
  | { readonly _tag: "Write"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly _tag: "Truncate"; readonly size: number }

/** A file: what is on the device, what the process sees, and the changes between the two. */
interface File {
  device: Uint8Array
  seen: Uint8Array
  unsynced: Array<Change>
}

type Entry = File | "directory"

/** One change of names that no directory sync has covered yet. */
interface NameChange {
  readonly add: readonly [path: string, entry: Entry] | undefined
  readonly drop: string | undefined
}

/** What goes wrong, and when. Calls are counted from 1. */
export interface SimFaults {
  /** The process dies at this changing call (`changes`); a write in progress may be torn. */
  readonly crashAt?: number
  /** This call (`calls`) fails with `code`; a failing write leaves a part, a failing sync drops what it should have kept. */
  readonly failAt?: number
  readonly code?: "EIO" | "ENOSPC" | "EMFILE"
  /** True makes every later write fail too, as a full disk does. */
  readonly stays?: boolean
  /** True makes each write take only a part of its bytes. */
  readonly shortWrites?: boolean
  /** True keeps each `syncData` waiting until `releaseSync`. */
  readonly holdSyncs?: boolean
}

/** What a power cut leaves of what was not synced. */
export type Loss = "everything" | "nothing" | "random"

const sector = 512

/** A generator of numbers in [0, 1) from a seed. Source: mulberry32 by Tommy Ettinger. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What a dead process gets for every call. */
export class SimCrash extends Error {
  readonly code = "SIMCRASH"
}

/**
 * A disk in memory that forgets as a real one may.
 *
 * Content is durable after `sync`, names after `syncDirectory`. A power cut keeps, drops, tears (at 512 bytes or at any
 * byte), zero-fills or reorders what was not synced; everything follows from the seed. The same ideas as LevelDB's fault
 * injection test, Pebble's `MemFS.CrashClone` and TigerBeetle's `testing/storage.zig`.
 */
export class SimFs implements FileSystem {
  /** Calls so far, and those of them that change something. */
  calls = 0
  changes = 0
  crashed = false
  /** The changing calls in order, one line each. */
  readonly trace: Array<string> = []
  private readonly random: () => number
  private readonly faults: SimFaults
  private names: Map<string, Entry>
  private deviceNames: Map<string, Entry>
  private readonly unsyncedNames = new Map<string, Array<NameChange>>()
  private readonly handles = new Map<number, { readonly file: File; readonly path: string }>()
  private readonly held: Array<() => void> = []
  private nextHandle = 3
  private failing = false

  constructor(seed: number, faults: SimFaults = {}, image: ReadonlyMap<string, Entry> = new Map()) {
    this.random = seeded(seed)
    this.faults = faults
    this.names = new Map(image)
    this.deviceNames = new Map(image)
  }

  /** The disk after the power came back. This one is dead from now on. */
  powerCut(seed: number, loss: Loss = "random", faults: SimFaults = {}): SimFs {
    this.crashed = true
    const random = seeded(seed)
    const names = new Map(this.deviceNames)
    for (const changes of this.unsyncedNames.values()) {
      for (const change of changes) {
        if (loss === "everything" || (loss === "random" && random() < 0.5)) continue
        if (change.drop !== undefined) names.delete(change.drop)
        if (change.add !== undefined) names.set(change.add[0], change.add[1])
      }
    }
    const image = new Map<string, Entry>()
    for (const [path, entry] of names) {
      if (entry === "directory") image.set(path, entry)
      else {
        const kept = afterPowerCut(entry, loss, random)
        image.set(path, { device: kept, seen: kept, unsynced: [] })
      }
    }
    for (const path of image.keys()) {
      const parent = parentOf(path)
      if (parent !== "/" && !image.has(parent)) image.delete(path)
    }
    return new SimFs(seed + 1, faults, image)
  }

  /** The disk after the process died: all it wrote is there, and still not synced. This one is dead from now on. */
  processKilled(seed: number, faults: SimFaults = {}): SimFs {
    this.crashed = true
    const next = new SimFs(seed, faults, this.deviceNames)
    next.names = new Map(this.names)
    for (const [directory, changes] of this.unsyncedNames) next.unsyncedNames.set(directory, changes.slice())
    return next
  }

  /** The same disk, to try several futures of it; nothing is shared. Only for a disk without open files. */
  clone(seed: number, faults: SimFaults = {}): SimFs {
    const image = new Map<string, Entry>()
    for (const [path, entry] of this.names) {
      image.set(
        path,
        entry === "directory" ? entry : { device: entry.seen.slice(), seen: entry.seen.slice(), unsynced: [] }
      )
    }
    return new SimFs(seed, faults, image)
  }

  /** Flips one bit of a file, on the device and in the cache. */
  flip(path: string, byte: number, bit: number): void {
    const file = this.fileAt(path)
    file.seen = file.seen.slice()
    file.seen[byte] = (file.seen[byte] as number) ^ (1 << bit)
    file.device = file.seen.slice()
  }

  /** Puts a file there, synced. */
  put(path: string, bytes: Uint8Array): void {
    const entry = { device: bytes.slice(), seen: bytes.slice(), unsynced: [] }
    this.names.set(path, entry)
    this.deviceNames.set(path, entry)
  }

  /** The files there are, with their bytes. */
  files(): ReadonlyMap<string, Uint8Array> {
    const out = new Map<string, Uint8Array>()
    for (const [path, entry] of [...this.names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (entry !== "directory") out.set(path, entry.seen)
    }
    return out
  }

  /** Lets the oldest held `syncData` finish; false when none is held. */
  releaseSync(): boolean {
    const next = this.held.shift()
    next?.()
    return next !== undefined
  }

  makeDirectory(path: string): boolean {
    this.change(`mkdir ${path}`)
    if (this.names.has(path)) return false
    if (parentOf(path) !== "/" && !this.names.has(parentOf(path))) throw systemError("ENOENT", path)
    this.changeName(undefined, [path, "directory"])
    return true
  }

  list(directory: string): ReadonlyArray<string> | undefined {
    this.call()
    if (directory === "/") return []
    if (!this.names.has(directory)) return undefined
    const prefix = `${directory}/`
    return [...this.names.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map((path) => path.slice(prefix.length))
  }

  open(path: string, mode: OpenMode): number {
    const there = this.names.get(path)
    if (mode !== "create") {
      this.call()
      if (there === undefined) throw systemError("ENOENT", path)
    } else {
      this.change(`create ${path}`)
      if (there === undefined)
        this.changeName(undefined, [path, { device: empty, seen: empty, unsynced: [] }])
      else if (there !== "directory") applyTo(there, { _tag: "Truncate", size: 0 })
    }
    const handle = this.nextHandle++
    this.handles.set(handle, { file: this.fileAt(path), path })
    return handle
  }

  close(handle: number): void {
    // A process may close whatever happened; nothing depends on it.
    this.handles.delete(handle)
  }

  size(handle: number): number {
    this.call()
    return this.handle(handle).file.seen.length
  }

  read(handle: number, into: Uint8Array, at: number, length: number, position: number): number {
    this.call()
    const { seen } = this.handle(handle).file
    const n = Math.max(0, Math.min(length, seen.length - position))
    into.set(seen.subarray(position, position + n), at)
    return n
  }

  write(handle: number, from: Uint8Array, at: number, length: number, position: number): number {
    const { file, path } = this.handle(handle)
    // A write of nothing does not reach past the end, as on a real disk.
    const part = (n: number): void => {
      if (n > 0) applyTo(file, { _tag: "Write", at: position, bytes: from.slice(at, at + n) })
    }
    const some = (): number => Math.floor(this.random() * length)
    this.change(`write ${path} ${position}+${length}`, () => part(some()))
    if (this.failing) {
      part(some())
      throw systemError(this.faults.code ?? "EIO", path)
    }
    const taken =
      this.faults.shortWrites === true && length > 1 ? 1 + Math.floor(this.random() * (length - 1)) : length
    part(taken)
    return taken
  }

  truncate(handle: number, size: number): void {
    const { file, path } = this.handle(handle)
    this.change(`truncate ${path} ${size}`)
    applyTo(file, { _tag: "Truncate", size })
  }

  sync(handle: number): void {
    const { file, path } = this.handle(handle)
    this.change(`sync ${path}`, undefined, () => forget(file, file.unsynced.length))
    harden(file, file.unsynced.length)
  }

  syncData(handle: number, done: (error: unknown) => void): void {
    const { file, path } = this.handle(handle)
    this.change(`syncData ${path}`)
    const covered = file.unsynced.length
    const finish = (): void => {
      try {
        this.change(`syncData done ${path}`, undefined, () => forget(file, covered))
        harden(file, covered)
      } catch (error) {
        done(error)
        return
      }
      done(undefined)
    }
    if (this.faults.holdSyncs === true) this.held.push(finish)
    else queueMicrotask(finish)
  }

  syncDirectory(directory: string): void {
    this.change(`syncDirectory ${directory}`)
    this.hardenNames(directory, this.unsyncedNames.get(directory) ?? [])
  }

  private hardenNames(directory: string, covered: ReadonlyArray<NameChange>): void {
    const unsynced = this.unsyncedNames.get(directory) ?? []
    for (const change of covered) {
      // Another sync may have come first.
      if (!unsynced.includes(change)) continue
      const { add, drop } = change
      if (drop !== undefined) this.deviceNames.delete(drop)
      if (add !== undefined) this.deviceNames.set(add[0], add[1])
    }
    this.unsyncedNames.set(
      directory,
      unsynced.filter((change) => !covered.includes(change))
    )
  }

  syncDirectoryLater(directory: string, done: (error: unknown) => void): void {
    this.call()
    const covered = this.unsyncedNames.get(directory)?.slice() ?? []
    const finish = (): void => {
      try {
        this.change(`syncDirectory ${directory}`)
        this.hardenNames(directory, covered)
      } catch (error) {
        done(error)
        return
      }
      done(undefined)
    }
    if (this.faults.holdSyncs === true) this.held.push(finish)
    else queueMicrotask(finish)
  }

  rename(from: string, to: string): void {
    this.change(`rename ${from} ${to}`)
    const entry = this.names.get(from)
    if (entry === undefined) throw systemError("ENOENT", from)
    this.changeName(from, [to, entry])
  }

  remove(path: string): void {
    this.change(`remove ${path}`)
    if (!this.names.has(path)) throw systemError("ENOENT", path)
    this.changeName(path, undefined)
  }

  private changeName(drop: string | undefined, add: readonly [string, Entry] | undefined): void {
    if (drop !== undefined) this.names.delete(drop)
    if (add !== undefined) this.names.set(add[0], add[1])
    const directory = parentOf(add?.[0] ?? (drop as string))
    const changes = this.unsyncedNames.get(directory) ?? []
    changes.push({ add, drop })
    this.unsyncedNames.set(directory, changes)
  }

  private fileAt(path: string): File {
    const entry = this.names.get(path)
    if (entry === undefined || entry === "directory")
      throw systemError(entry === undefined ? "ENOENT" : "EISDIR", path)
    return entry
  }

  private handle(handle: number): { readonly file: File; readonly path: string } {
    const open = this.handles.get(handle)
    if (open === undefined)
      throw this.crashed ? new SimCrash("the process is dead") : systemError("EBADF", String(handle))
    return open
  }

  private call(failing?: () => void): void {
    if (this.crashed) throw new SimCrash("the process is dead")
    this.calls++
    if (this.calls !== this.faults.failAt) return
    this.failing = this.faults.stays === true
    failing?.()
    throw systemError(this.faults.code ?? "EIO", "by the fault plan")
  }

  private change(line: string, dying?: () => void, failing?: () => void): void {
    this.call(failing ?? dying)
    this.changes++
    this.trace.push(line)
    if (this.changes !== this.faults.crashAt) return
    dying?.()
    this.crashed = true
    throw new SimCrash(`died at change ${this.changes}: ${line}`)
  }
}

const empty = new Uint8Array(0)

const systemError = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${path}`), { code, syscall: "sim" })

const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf("/")))

const apply = (content: Uint8Array, change: Change): Uint8Array => {
  if (change._tag === "Truncate") {
    const next = new Uint8Array(change.size)
    next.set(content.subarray(0, change.size))
    return next
  }
  const next = new Uint8Array(Math.max(content.length, change.at + change.bytes.length))
  next.set(content)
  next.set(change.bytes, change.at)
  return next
}

const applyTo = (file: File, change: Change): void => {
  file.seen = apply(file.seen, change)
  file.unsynced.push(change)
}

const harden = (file: File, covered: number): void => {
  for (const change of file.unsynced.splice(0, covered)) file.device = apply(file.device, change)
}

// "Fsyncgate": the pages are marked clean, and what was in them never reaches the device.
const forget = (file: File, covered: number): void => {
  file.unsynced.splice(0, covered)
}

const afterPowerCut = (file: File, loss: Loss, random: () => number): Uint8Array => {
  let content = file.device
  if (loss === "everything") return content
  for (const change of file.unsynced) {
    if (loss === "nothing" || change._tag === "Truncate") {
      if (loss === "nothing" || random() < 0.5) content = apply(content, change)
      continue
    }
    content = torn(content, change, random)
  }
  return content
}

const torn = (
  content: Uint8Array,
  change: Extract<Change, { readonly _tag: "Write" }>,
  random: () => number
): Uint8Array => {
  const { at, bytes } = change
  const fate = random()
  if (fate < 0.4) return apply(content, change)
  if (fate < 0.6) return content
  if (fate < 0.7) return apply(content, { ...change, bytes: new Uint8Array(bytes.length) })
  if (fate < 0.85)
    return apply(content, { ...change, bytes: bytes.slice(0, Math.floor(random() * bytes.length)) })
  const next = apply(content, { ...change, bytes: new Uint8Array(bytes.length) })
  for (let from = at; from < at + bytes.length; ) {
    const to = Math.min(at + bytes.length, (Math.floor(from / sector) + 1) * sector)
    if (random() < 0.5) next.set(bytes.subarray(from - at, to - at), from)
    from = to
  }
  return next
}
