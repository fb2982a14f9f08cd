import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const app = join(import.meta.dirname, "..")

/** The app as a process of its own, as a person starts it. */
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
  return {
    pid: child.pid ?? 0,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    ended,
    output: () => stdout
  }
}

/** The shop, open on a free port; ended with the test. */
export const open = async (...args: ReadonlyArray<string>) => {
  const run = start("--port", "0", ...args)
  let isOver = false
  void run.ended.then(() => {
    isOver = true
  })
  for (;;) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(run.output())?.[0]
    if (url !== undefined) {
      return {
        ...run,
        url,
        [Symbol.asyncDispose]: async () => {
          run.kill("SIGKILL")
          await run.ended
        }
      }
    }
    if (isOver) throw new Error(`the shop did not open: ${(await run.ended).stderr}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A directory that is removed when the test ends. */
export const temporaryDirectory = () => {
  const path = mkdtempSync(join(tmpdir(), "orders-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
