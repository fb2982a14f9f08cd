import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as pause } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import { NatsServer, type Running } from "../NatsServer.ts"
import { hasServer } from "../testing.ts"

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const gone = async (pid: number): Promise<boolean> => {
  for (let tries = 0; tries < 500 && isAlive(pid); tries++) await pause(10)
  return !isAlive(pid)
}

/** The folder of a server's configuration file, from its command line. */
const folderOf = async (pid: number): Promise<string> => {
  const arguments_ = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0")
  return join(arguments_[arguments_.indexOf("-c") + 1] ?? "", "../..")
}

/** A process of its own that starts a server and then waits. */
const startApp = async (directory?: string) => {
  const script = join(import.meta.dirname, "probe.ts")
  const app = spawn(process.execPath, [script, ...(directory === undefined ? [] : [directory])], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const line = await new Promise<string>((resolve) =>
    createInterface({ input: app.stdout }).once("line", resolve)
  )
  return { app, ...(JSON.parse(line) as { readonly pid: number; readonly url: string }) }
}

const withManager = <A>(
  running: Running,
  use: (jsm: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<A>
) =>
  Effect.promise(async () => {
    const connection = await connect({ servers: [...running.servers] })
    try {
      return await use(await jetstreamManager(connection))
    } finally {
      await connection.close()
    }
  })

describe.runIf(hasServer)("NatsServer", () => {
  it.effect("one node is ready for a stream and gone after the scope", () =>
    Effect.gen(function* () {
      const pid = yield* Effect.gen(function* () {
        const running = yield* NatsServer.start()
        yield* withManager(running, (jsm) => jsm.streams.add({ name: "S", subjects: ["s.>"] }))
        return yield* running.nodes[0]?.pid ?? Effect.succeed(undefined)
      }).pipe(Effect.scoped)
      assert.isDefined(pid)
      assert.isFalse(isAlive(pid ?? 0))
    })
  )

  it.effect(
    "three nodes are ready for a stream with three replicas",
    () =>
      Effect.gen(function* () {
        const running = yield* NatsServer.start({ cluster: 3 })
        assert.strictEqual(running.servers.length, 3)
        const replicas = yield* withManager(running, (jsm) =>
          jsm.streams
            .add({ name: "S", subjects: ["s.>"], num_replicas: 3 })
            .then((info) => info.config.num_replicas)
        )
        assert.strictEqual(replicas, 3)
      }),
    60_000
  )

  it.effect("a node comes back after kill -9 on the same port and store", () =>
    Effect.gen(function* () {
      const running = yield* NatsServer.start()
      const node = running.nodes[0]
      assert.isDefined(node)
      yield* withManager(running, (jsm) => jsm.streams.add({ name: "S", subjects: ["s.>"] }))
      const before = yield* node.pid
      yield* node.kill
      assert.isFalse(isAlive(before ?? 0))
      assert.isUndefined(yield* node.pid)
      yield* node.restart
      assert.notStrictEqual(yield* node.pid, before)
      assert.deepStrictEqual(yield* withManager(running, (jsm) => jsm.streams.names().next()), ["S"])
    })
  )

  it.effect("a given directory keeps the store for the next start", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "troupe-nats-test-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true }))
      )
      yield* Effect.scoped(
        Effect.flatMap(NatsServer.start({ directory }), (running) =>
          withManager(running, (jsm) => jsm.streams.add({ name: "S", subjects: ["s.>"] }))
        )
      )
      const running = yield* NatsServer.start({ directory })
      assert.deepStrictEqual(yield* withManager(running, (jsm) => jsm.streams.names().next()), ["S"])
    })
  )

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it.effect(`the server and its store die with the app after ${signal}`, () =>
      Effect.promise(async () => {
        const { app, pid } = await startApp()
        const folder = await folderOf(pid)
        assert.isTrue(isAlive(pid))
        assert.isTrue(existsSync(folder))
        app.kill(signal)
        assert.isTrue(await gone(pid), "nats-server outlived its app")
        for (let tries = 0; tries < 500 && existsSync(folder); tries++) await pause(10)
        assert.isFalse(existsSync(folder), "the temporary store was left behind")
      })
    )
  }

  it.effect("a kept store serves one process at a time, and the next one at once after kill -9", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "troupe-nats-test-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true }))
      )
      const { app, pid, url } = yield* Effect.promise(() => startApp(directory))
      yield* Effect.promise(async () => {
        const connection = await connect({ servers: url })
        await (await jetstreamManager(connection)).streams.add({ name: "S", subjects: ["s.>"] })
        await connection.close()
      })
      const busy = yield* Effect.flip(Effect.scoped(NatsServer.start({ directory })))
      assert.include(busy.message, `in use by process ${app.pid}`)
      assert.isTrue(isAlive(pid), "the one that came second ended the first one's server")
      app.kill("SIGKILL")
      const running = yield* NatsServer.start({ directory })
      assert.isFalse(isAlive(pid), "two servers on one store")
      assert.deepStrictEqual(yield* withManager(running, (jsm) => jsm.streams.names().next()), ["S"])
    })
  )

  it.effect("a server whose guardian was killed does not stay on the store", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "troupe-nats-test-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true }))
      )
      const { app, pid } = yield* Effect.promise(() => startApp(directory))
      app.kill("SIGSTOP")
      const [guardian] = (yield* Effect.promise(() => readFile(join(directory, "lock"), "utf8"))).split(" ")
      process.kill(Number(guardian), "SIGKILL")
      app.kill("SIGKILL")
      assert.isTrue(isAlive(pid))
      yield* NatsServer.start({ directory })
      assert.isTrue(yield* Effect.promise(() => gone(pid)))
    })
  )

  it.effect("Ctrl-C on the command line tool leaves nothing running", () =>
    Effect.promise(async () => {
      const tool = spawn(process.execPath, [join(import.meta.dirname, "../main.ts")], {
        stdio: ["ignore", "pipe", "ignore"]
      })
      const line = await new Promise<string>((resolve) =>
        createInterface({ input: tool.stdout }).once("line", resolve)
      )
      const server = await connect({ servers: line.replace("NATS_URL=", "") })
      const closed = server.closed()
      const code = new Promise<number | null>((resolve) => tool.once("exit", resolve))
      tool.kill("SIGINT")
      assert.include([0, 130], await code)
      await server.close()
      await closed
      const refused = await connect({ servers: line.replace("NATS_URL=", "") }).then(
        () => false,
        () => true
      )
      assert.isTrue(refused)
    })
  )
})
