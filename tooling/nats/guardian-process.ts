// The process between an app and the servers it started. It holds the read end of a pipe whose write end only the app
// has: whatever ends the app, kill -9 too, ends the pipe, and then the servers go and their temporary store with them.
//
//     node guardian-process.ts [directory to remove at the end]
//
// Lines of JSON in:  {"op":"start","node":"n1","binary":"…","args":["…"]} · {"op":"kill","node":"n1","signal":"SIGKILL"} · {"op":"stop"}
// Lines of JSON out: {"event":"started","node":"n1","pid":7} · {"event":"exited","node":"n1","code":1,"signal":null}
//
// It runs detached (a group of its own), so Ctrl-C in a terminal reaches the app and not the servers: the app decides.
import { type ChildProcess, spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { createInterface } from "node:readline"

const temporary = process.argv[2]
const servers = new Map<string, ChildProcess>()
let stopping = false

const say = (event: object): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

const finishWhenAllAreGone = (): void => {
  if (!stopping || servers.size > 0) return
  if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true, maxRetries: 5 })
  process.exit(0)
}

const stop = (): void => {
  if (stopping) return
  stopping = true
  // A temporary store has nothing to save; a given one is closed in order, within a bound.
  for (const server of servers.values()) server.kill(temporary === undefined ? "SIGTERM" : "SIGKILL")
  setTimeout(() => {
    for (const server of servers.values()) server.kill("SIGKILL")
  }, 3_000).unref()
  finishWhenAllAreGone()
}

const start = (node: string, binary: string, args: ReadonlyArray<string>): void => {
  const server = spawn(binary, args, { stdio: "ignore" })
  servers.set(node, server)
  const gone = (code: number | null, signal: string | null): void => {
    if (servers.get(node) !== server) return
    servers.delete(node)
    say({ event: "exited", node, code, signal })
    finishWhenAllAreGone()
  }
  server.on("error", () => gone(null, null))
  server.on("exit", gone)
  if (server.pid !== undefined) say({ event: "started", node, pid: server.pid })
}

process.stdout.on("error", stop)
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop)
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line)
    if (command.op === "start" && !stopping) start(command.node, command.binary, command.args)
    if (command.op === "kill") servers.get(command.node)?.kill(command.signal)
    if (command.op === "stop") stop()
  })
  .on("close", stop)
