import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { DirectoryHeld } from "./DirectoryHeld.ts"
import { isCertainlyGone, type ProcessIdentity, thisProcess } from "./ProcessIdentity.ts"

/** What a lock file says. */
interface LockContent extends ProcessIdentity {
  /** Tells this locking from every other one, also of the same process. */
  readonly nonce: string
}

/** A lock that is held. */
export interface DirectoryLock {
  /** Removes the lock file, if it is still ours. */
  readonly release: () => void
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code

const readLock = (file: string): LockContent | "absent" | "unreadable" => {
  let text: string
  try {
    text = fs.readFileSync(file, "utf8")
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "absent"
    throw error
  }
  try {
    const content = JSON.parse(text) as LockContent
    return typeof content.pid === "number" && typeof content.nonce === "string" ? content : "unreadable"
  } catch {
    return "unreadable"
  }
}

/** Makes `file` with this content, whole from its first moment; false when it is there already. */
const createWhole = (file: string, content: LockContent): boolean => {
  const aside = `${file}.${content.nonce}.new`
  fs.writeFileSync(aside, JSON.stringify(content), { flag: "wx" })
  try {
    fs.linkSync(aside, file)
    return true
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].some((code) => hasCode(error, code))) throw error
    return createDirectly(file, content)
  } finally {
    fs.rmSync(aside, { force: true })
  }
}

/** The same where the file system has no hard links (exFAT): exclusive too, but a crash may leave half a file. */
const createDirectly = (file: string, content: LockContent): boolean => {
  try {
    fs.writeFileSync(file, JSON.stringify(content), { flag: "wx" })
    return true
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false
    throw error
  }
}

/**
 * Takes the lock at `file`, or throws `DirectoryHeld`.
 *
 * A file made by `link` exists whole or not at all, and only one process can make it. A stale one is removed only by who
 * holds the lock on removing exactly that one (`file.<nonce>`), so two processes that find the same stale lock cannot
 * remove each other's new one. A crash in the middle leaves such a file, which is stale by the same rule.
 */
const acquire = (file: string, directory: string): DirectoryLock => {
  const content: LockContent = { ...thisProcess(), nonce: crypto.randomUUID() }
  for (;;) {
    if (createWhole(file, content)) return { release: () => release(file, content.nonce) }
    const found = readLock(file)
    if (found === "absent") continue
    if (found === "unreadable") {
      throw new DirectoryHeld({ directory, pid: 0, host: "an unknown host", file, isAlive: false })
    }
    if (!isCertainlyGone(found)) {
      const isAlive = found.host === os.hostname()
      throw new DirectoryHeld({ directory, pid: found.pid, host: found.host, file, isAlive })
    }
    const breaking = acquireOrWait(`${file}.${found.nonce}`, directory)
    if (breaking === undefined) continue
    try {
      const now = readLock(file)
      if (typeof now === "object" && now.nonce === found.nonce) fs.rmSync(file)
    } finally {
      breaking.release()
    }
  }
}

/** The lock on removing a stale lock; after a short wait `undefined` when a living process is just doing that. */
const acquireOrWait = (file: string, directory: string): DirectoryLock | undefined => {
  try {
    return acquire(file, directory)
  } catch (error) {
    if (!(error instanceof DirectoryHeld) || !error.isAlive) throw error
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    return undefined
  }
}

const release = (file: string, nonce: string): void => {
  const found = readLock(file)
  if (typeof found === "object" && found.nonce === nonce) fs.rmSync(file, { force: true })
}

/**
 * Takes the lock of a directory for this process; throws `DirectoryHeld` when a living process has it.
 *
 * The lock of a process that is certainly gone is taken over: pid free, pid used by a younger process, machine restarted.
 */
export const lockDirectory = (directory: string): DirectoryLock =>
  acquire(path.join(directory, "lock"), directory)
