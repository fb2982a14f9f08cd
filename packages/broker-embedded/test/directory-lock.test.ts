import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import { startChild } from "./ChildProcess.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const open = (directory: string) =>
  Effect.provide(
    Effect.map(Broker, (broker) => broker.backend),
    Embedded.layer({ directory, durability: "os" }),
    { local: true }
  )

const held = (directory: string) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(open(directory))
    if (error._tag !== "DirectoryHeld") return assert.fail(`not held: ${error.message}`)
    return error
  })

const lockFile = (directory: string) => path.join(directory, "lock")
const leaveLock = (directory: string, content: object) =>
  fs.writeFileSync(
    lockFile(directory),
    JSON.stringify({ nonce: "left-over", host: os.hostname(), ...content })
  )

describe("the lock of a directory", () => {
  it.live("a second process is told which process holds it, and gets it when that one is killed", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const child = yield* startChild("lock-holder.ts", [directory])
      yield* child.line("open")
      const error = yield* held(directory)
      assert.strictEqual(error.pid, child.pid)
      assert.isTrue(error.isAlive)
      assert.include(error.message, `process ${child.pid}`)
      assert.include(error.message, "stop that process, or use another directory")
      yield* child.kill
      assert.isTrue(fs.existsSync(lockFile(directory)), "the killed process could not remove its lock")
      assert.strictEqual(yield* open(directory), "embedded")
      assert.isFalse(fs.existsSync(lockFile(directory)), "closing removes the lock")
    })
  )

  it.live("the same process cannot open it twice, and can again after closing", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* Effect.provide(
        Effect.gen(function* () {
          assert.strictEqual((yield* held(directory)).pid, process.pid)
        }),
        Embedded.layer({ directory, durability: "os" }),
        { local: true }
      )
      assert.strictEqual(yield* open(directory), "embedded")
    })
  )

  it.live.skipIf(!fs.existsSync("/proc/self/stat"))(
    "a lock whose process id belongs to a younger process is taken over",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        leaveLock(directory, { pid: process.pid, startTicks: "1" })
        assert.strictEqual(yield* open(directory), "embedded")
      })
  )

  it.live.skipIf(!fs.existsSync("/proc/sys/kernel/random/boot_id"))(
    "a lock from before the machine started anew is taken over",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        leaveLock(directory, { pid: process.pid, bootId: "another" })
        assert.strictEqual(yield* open(directory), "embedded")
      })
  )

  it.live("a lock of another host stays, and the error names the file to remove", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      leaveLock(directory, { pid: process.pid, host: "elsewhere" })
      const error = yield* held(directory)
      assert.strictEqual(error.host, "elsewhere")
      assert.isFalse(error.isAlive)
      assert.include(error.message, lockFile(directory))
      fs.rmSync(lockFile(directory))
      assert.strictEqual(yield* open(directory), "embedded")
    })
  )

  it.live("a lock file that cannot be read is not taken for a stale one", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(lockFile(directory), "half a lo")
      assert.isFalse((yield* held(directory)).isAlive)
    })
  )

  it.live("of several processes that find the same stale lock exactly one gets it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const dead = yield* Effect.scoped(
        Effect.gen(function* () {
          const child = yield* startChild("lock-holder.ts", [directory])
          yield* child.line("open")
          yield* child.kill
          return child.pid
        })
      )
      const children = yield* Effect.all(
        Array.from({ length: 4 }, () => startChild("lock-holder.ts", [directory]))
      )
      const said = yield* Effect.all(
        children.map((child) => Effect.race(child.line("open"), child.line("held"))),
        { concurrency: "unbounded" }
      )
      const winner = children[said.indexOf("open")]
      assert.lengthOf(
        said.filter((line) => line === "open"),
        1
      )
      for (const line of said) {
        if (line !== "open") assert.strictEqual(line, `held ${winner?.pid}`)
      }
      assert.notStrictEqual(winner?.pid, dead)
      assert.deepStrictEqual(
        fs.readdirSync(directory).filter((name) => name.startsWith("lock")),
        ["lock"],
        "nothing of the taking over is left"
      )
    })
  )
})
