import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { root } from "../members.ts"

const launcher = join(root, "tooling/run.mjs")
const where = "tooling/workspace/test/programs/where.ts"

let elsewhere: string

beforeEach(() => {
  elsewhere = realpathSync(mkdtempSync(join(tmpdir(), "elsewhere-")))
})

afterEach(() => {
  rmSync(elsewhere, { recursive: true, force: true })
})

/** Both lines of output as they come, and how the process ended. */
const follow = (child: ChildProcess) => {
  assert.isNotNull(child.stdout)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    line: async (): Promise<string | undefined> => (await lines.next()).value,
    exit: once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>
  }
}

const launch = (cwd: string, ...args: ReadonlyArray<string>) =>
  follow(spawn(process.execPath, [launcher, ...args], { cwd, stdio: ["ignore", "pipe", "inherit"] }))

/** A program that waits, started as the root's scripts start it: npm, the launcher, the program. */
const startWaiting = async () => {
  const scripts = { go: `exec node ${launcher} ${where} --wait` }
  writeFileSync(join(elsewhere, "package.json"), JSON.stringify({ scripts }))
  const npm = spawn("npm", ["run", "--silent", "go"], {
    cwd: elsewhere,
    stdio: ["ignore", "pipe", "inherit"]
  })
  const followed = follow(npm)
  const { pid } = JSON.parse((await followed.line()) ?? "")
  assert.isTrue(isAlive(pid))
  return { npm, pid, ...followed }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe("tooling/run.mjs", () => {
  it("passes arguments on as they are, spaces and all", async () => {
    const { line, exit } = launch(root, where, "two words", "--name=a  b", "", "$HOME; *")
    assert.deepStrictEqual(JSON.parse((await line()) ?? "").args, [
      "two words",
      "--name=a  b",
      "",
      "$HOME; *"
    ])
    assert.deepStrictEqual(await exit, [0, null])
  })

  it("ends with the exit code of the command", async () => {
    assert.deepStrictEqual(await launch(root, "node", "--eval", "process.exit(7)").exit, [7, null])
    assert.deepStrictEqual(
      await launch(root, "node", "--eval", "process.kill(process.pid, 'SIGKILL')").exit,
      [137, null]
    )
    assert.deepStrictEqual(await launch(root, "no-such-command").exit, [127, null])
  })

  it("runs a program in the caller's directory, and a tool in the root", async () => {
    const directory = async (...args: ReadonlyArray<string>) => {
      const { line, exit } = launch(elsewhere, ...args)
      const { directory } = JSON.parse((await line()) ?? "")
      await exit
      return directory
    }
    assert.strictEqual(await directory(where), elsewhere)
    assert.strictEqual(await directory("node", where), root)
  })

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`lets ${signal} end the whole chain below npm, cleanly`, async () => {
      const { npm, pid, line, exit } = await startWaiting()
      npm.kill(signal)
      assert.strictEqual(await line(), `ended by ${signal}`)
      assert.isUndefined(await line())
      await exit
      assert.isFalse(isAlive(pid))
    })
  }

  it("ends the command, cleanly, when npm is killed without a word", async () => {
    const { npm, line } = await startWaiting()
    npm.kill("SIGKILL")
    assert.strictEqual(await line(), "ended by SIGTERM")
    assert.isUndefined(await line())
  })
})
