// Tells the stories of every app, one after the other, and repeats at the end the line with which each part was summed up:
//
//     node tooling/run.mjs tooling/workspace/demo.ts
import { spawn } from "node:child_process"
import { constants } from "node:os"
import { join } from "node:path"
import { root } from "./members.ts"

const apps = ["orders", "analytics"]

/** How the line that sums up a part begins: `Demo.sumUp` of `@troupe/console`. */
const mark = "■ "
const parts = 5

let interrupted: NodeJS.Signals | undefined
let stop = (_: NodeJS.Signals) => {}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interrupted = signal
    stop(signal)
  })
}

/** Tells one app's stories: what it prints, and its exit code. Standard error goes straight on: progress redraws itself there. */
const tell = (app: string): Promise<{ readonly code: number; readonly said: string }> =>
  new Promise((resolve, reject) => {
    const args = [join(root, "tooling/run.mjs"), `apps/${app}/src/main.ts`, "demo"]
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] })
    // Ctrl-C on a terminal reaches the whole group by itself.
    stop = (signal) => {
      if (signal !== "SIGINT" || !process.stderr.isTTY) child.kill(signal)
    }
    let said = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text
      process.stdout.write(text)
    })
    child.on("error", reject)
    child.on("close", (code, signal) =>
      resolve({ code: code ?? 128 + constants.signals[signal ?? "SIGKILL"], said })
    )
  })

const began = performance.now()
const lines: Array<string> = []
for (const app of apps) {
  const { code, said } = await tell(app)
  if (interrupted !== undefined) process.exit(128 + constants.signals[interrupted])
  if (code !== 0) process.exit(code)
  lines.push(...said.split("\n").filter((line) => line.startsWith(mark)))
}
console.log(`In sum (${Math.round((performance.now() - began) / 1000)} s):\n\n${lines.join("\n")}`)
if (lines.length !== parts) {
  console.error(`${lines.length} parts were summed up, not ${parts}: look above for the one that is missing.`)
  process.exitCode = 1
}
