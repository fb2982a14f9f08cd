// Runs turbo tasks over the workspace and ends with one line that sums up every member's tests, cached or not:
//
//     node tooling/run.mjs tooling/workspace/tasks.ts test
//     node tooling/run.mjs tooling/workspace/tasks.ts check test --filter @troupe/broker
import { spawn } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { line, sum, type Tally, tallyFile } from "@troupe/vitest/tally"
import { members, root } from "./members.ts"

let interrupted: NodeJS.Signals | undefined

/** Runs turbo to its end and gives its exit code. A signal ends turbo, and turbo ends what it runs. */
const turbo = (args: ReadonlyArray<string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn("turbo", args, { cwd: root, stdio: "inherit" })
    // What the whole process group has been told turbo knows already (tooling/run.mjs).
    const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
    const groupIsTold = onTerminal || process.env["npm_config_user_agent"]?.startsWith("pnpm/")
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        interrupted = signal
        if (signal !== "SIGINT" || !groupIsTold) child.kill("SIGTERM")
      })
    }
    child.on("error", reject)
    child.on("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]))
  })

const tested = members()
  .filter(({ scripts }) => scripts["test"] !== undefined)
  .map(({ name, directory }) => ({ name, tally: join(root, directory, tallyFile) }))

// A tally of an earlier run must not speak for this one. A cached result brings its own back.
for (const { tally } of tested) rmSync(tally, { force: true })

const args = process.argv.slice(2)
const code = await turbo(["run", "--continue=dependencies-successful", ...args])

const filtered = args.some((arg) => /^(--filter|-F|--affected)/.test(arg))
const silent = tested.filter(({ tally }) => !existsSync(tally))
const tallies = tested
  .filter(({ tally }) => existsSync(tally))
  .map(({ tally }): Tally => JSON.parse(readFileSync(tally, "utf8")))

if (interrupted !== undefined) process.exit(128 + constants.signals[interrupted])
if (!filtered && silent.length > 0) {
  console.log(`\nNo result from the tests of ${silent.map(({ name }) => name).join(", ")}.`)
}
console.log(`\n${line(sum(tallies))}`)
process.exitCode = code === 0 && !filtered && silent.length > 0 ? 1 : code
