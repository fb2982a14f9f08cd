// The process between an app and the servers it started. It holds the read end of a pipe whose write end only the app
// has: whatever ends the app, kill -9 too, ends the pipe, and then the servers go and a temporary store with them.
//
//     node guardian-process.ts temporary|kept <directory of the stores> <process id of the app>
//
// Lines of JSON in:  {"op":"start","node":"n1","binary":"…","config":"…"} · {"op":"kill","node":"n1","signal":"SIGKILL"} · {"op":"stop"}
// Lines of JSON out: {"event":"started","node":"n1","pid":7} · {"event":"exited","node":"n1"} · {"event":"busy","pid":6}
//
// It runs detached (a group of its own), so Ctrl-C in a terminal reaches the app and not the servers: the app decides.
// A kept directory is locked: two servers on one store would ruin it, and after kill -9 of an app its servers need a
// moment to close the store that the next run opens.
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as pause } from "node:timers/promises"

const [mode, directory = "", app = ""] = process.argv.slice(2)
const isKept = mode === "kept"
const lock = join(directory, "lock")
const servers = new Map<string, ChildProcess>()
let stopping = false
let locked = false

const say = (event: object): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** The command line of a process; empty when there is none (any more). */
const commandOf = (pid: number): string => {
  try {
    return execFileSync("ps", ["-o", "args=", "-p", `${pid}`], { encoding: "utf8" })
  } catch {
    return ""
  }
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** Takes the lock; waits for a guardian whose app is gone, and answers the app that holds it while that lives. */
const lockDirectory = async (): Promise<number | undefined> => {
  for (;;) {
    try {
      writeFileSync(lock, `${process.pid} ${app}`, { flag: "wx" })
      locked = true
      return undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    }
    const [guardian = 0, holder = 0] = read(lock).split(" ").map(Number)
    if (guardian > 0 && isAlive(guardian) && commandOf(guardian).includes("guardian-process")) {
      if (isAlive(holder)) return holder
      await pause(20)
    } else rmSync(lock, { force: true })
  }
}

const finishWhenAllAreGone = (): void => {
  if (!stopping || servers.size > 0) return
  if (!isKept) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  else if (locked) rmSync(lock, { force: true })
  process.exit(0)
}

const stop = (): void => {
  if (stopping) return
  stopping = true
  // A temporary store has nothing to save; a kept one is closed in order, within a bound.
  for (const server of servers.values()) server.kill(isKept ? "SIGTERM" : "SIGKILL")
  setTimeout(() => {
    for (const server of servers.values()) server.kill("SIGKILL")
  }, 3_000).unref()
  finishWhenAllAreGone()
}

/** Should a guardian itself have been killed, its server may still be on the store. */
const endLeftover = (config: string): void => {
  const pid = Number(read(join(config, "../pid")))
  if (pid > 0 && commandOf(pid).includes(config)) process.kill(pid, "SIGKILL")
}

const start = (node: string, binary: string, config: string): void => {
  if (isKept) endLeftover(config)
  const server = spawn(binary, ["-c", config], { stdio: "ignore" })
  servers.set(node, server)
  const gone = (): void => {
    if (servers.get(node) !== server) return
    servers.delete(node)
    say({ event: "exited", node })
    finishWhenAllAreGone()
  }
  server.on("error", gone)
  server.on("exit", gone)
  if (server.pid !== undefined) say({ event: "started", node, pid: server.pid })
}

process.stdout.on("error", stop)
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop)

const ready = isKept ? lockDirectory() : Promise.resolve(undefined)

const obey = async (line: string): Promise<void> => {
  const holder = await ready
  if (holder !== undefined) {
    say({ event: "busy", pid: holder })
    stop()
    return
  }
  const command = JSON.parse(line)
  if (command.op === "start" && !stopping) start(command.node, command.binary, command.config)
  if (command.op === "kill") servers.get(command.node)?.kill(command.signal)
  if (command.op === "stop") stop()
}

createInterface({ input: process.stdin })
  .on("line", (line) => void obey(line))
  .on("close", () => void ready.then(stop))
