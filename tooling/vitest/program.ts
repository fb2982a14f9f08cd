import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** How a program ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs. */
export interface Program {
  readonly pid: number
  readonly kill: (signal: NodeJS.Signals) => boolean
  readonly ended: Promise<Ended>
  /** What it has said on standard output so far. */
  readonly output: () => string
  /** Waits until it has said something that fits, on either output; answers what fitted, nothing when it ended first. */
  readonly says: (pattern: RegExp) => Promise<string | undefined>
}

/** Starts the app in `directory` from its sources as a process of its own, as a person starts it. */
export const start = (directory: string, args: ReadonlyArray<string>): Program => {
  const child = spawn(process.execPath, ["--conditions=@troupe/source", "src/main.ts", ...args], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"]
  })
  const said = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text
    })
  }
  const ended = once(child, "close").then(([code, signal]): Ended => ({ code, signal, ...said }))
  return {
    pid: child.pid ?? 0,
    kill: (signal) => child.kill(signal),
    ended,
    output: () => said.stdout,
    says: (pattern) =>
      new Promise((resolve) => {
        const look = () => {
          const found = pattern.exec(said.stdout) ?? pattern.exec(said.stderr)
          if (found !== null) resolve(found[0])
        }
        child.stdout.on("data", look)
        child.stderr.on("data", look)
        child.once("close", () => {
          look()
          resolve(undefined)
        })
        look()
      })
  }
}

/** A directory that is removed when the block that uses it ends. */
export const temporaryDirectory = () => {
  const path = mkdtempSync(join(tmpdir(), "troupe-test-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
