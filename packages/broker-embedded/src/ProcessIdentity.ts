import { readFileSync } from "node:fs"
import { hostname } from "node:os"

/** Which process on which machine; a process id alone is used again. */
export interface ProcessIdentity {
  readonly pid: number
  readonly host: string
  /** When the process started, in ticks since the machine did; absent where `/proc` is not there. */
  readonly startTicks?: string
  /** Which start of the machine; absent where `/proc` is not there. */
  readonly bootId?: string
}

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // Not Linux, or the process is gone: then there is nothing to compare.
    return undefined
  }
}

/** When a process started; `undefined` when that cannot be known. Source: proc(5), field 22 of `stat`. */
const startTicksOf = (pid: number): string | undefined => {
  const stat = readText(`/proc/${pid}/stat`)
  // Field 2 is the command in parentheses and may hold anything, so count after its end.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
}

const bootId = (): string | undefined => readText("/proc/sys/kernel/random/boot_id")?.trim()

/** This process. */
export const thisProcess = (): ProcessIdentity => {
  const startTicks = startTicksOf(process.pid)
  const boot = bootId()
  return {
    pid: process.pid,
    host: hostname(),
    ...(startTicks === undefined ? {} : { startTicks }),
    ...(boot === undefined ? {} : { bootId: boot })
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, under another user.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/**
 * True when a process certainly runs no more: its pid is free, belongs to a younger process, or its machine has started
 * anew. Of a process on another host nothing is certain.
 */
export const isCertainlyGone = (identity: ProcessIdentity): boolean => {
  if (identity.host !== hostname()) return false
  const boot = bootId()
  if (identity.bootId !== undefined && boot !== undefined && identity.bootId !== boot) return true
  if (!isAlive(identity.pid)) return true
  const startTicks = startTicksOf(identity.pid)
  return identity.startTicks !== undefined && startTicks !== undefined && identity.startTicks !== startTicks
}
