import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const app = join(import.meta.dirname, "..")

/** A run of the app as a process of its own, as a person starts it. */
export const start = (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, ["--conditions=@troupe/source", "src/main.ts", ...args], {
    cwd: app,
    stdio: ["ignore", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout,
    stderr
  }))
  /** Waits until standard error says `text`, or the process has ended. */
  const says = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        if (stderr.includes(text)) resolve()
      }
      child.stderr.on("data", look)
      child.once("close", () => resolve())
      look()
    })
  return {
    pid: child.pid ?? 0,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    ended,
    says,
    output: () => stdout
  }
}

/** A run to its end, whose one JSON object is the answer. */
export const json = async (...args: ReadonlyArray<string>): Promise<Record<string, unknown>> => {
  const { code, stderr, stdout } = await start("--once", "--json", ...args).ended
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}

/** A directory that is removed when the test ends. */
export const temporaryDirectory = () => {
  const path = mkdtempSync(join(tmpdir(), "analytics-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
