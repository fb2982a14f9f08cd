import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { HttpRouter } from "effect/http"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { HeldRun, Listen } from "../src/index.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "console-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** An app that listens; `as` is who it says it is. */
const listening = (as: HeldRun.App) =>
  HttpRouter.serve(HeldRun.route(as), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(Listen.onLoopback(0))
  )

const flags = { broker: "memory", seed: "7" }
const fileOf = (directory: string) => join(directory, "app.json")

describe("HeldRun", () => {
  it.live("is found while the app holds the directory, and gone after it", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const app = yield* HeldRun.make(flags)
      yield* Effect.gen(function* () {
        assert.isTrue(Option.isNone(yield* HeldRun.find(directory)))
        yield* HeldRun.hold(directory, app)
        const found = Option.getOrThrow(yield* HeldRun.find(directory))
        assert.deepInclude(found, { pid: process.pid, flags })
        assert.strictEqual(statSync(fileOf(directory)).mode & 0o777, 0o600)
      }).pipe(Effect.scoped, Effect.provide(listening(app)))
      assert.deepStrictEqual(readdirSync(directory), [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("counts for nothing when the process is gone, nobody answers, or somebody else does", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const [app, other] = [yield* HeldRun.make(flags), yield* HeldRun.make(flags)]
      const isFound = Effect.map(HeldRun.find(directory), Option.isSome)
      yield* Effect.gen(function* () {
        yield* HeldRun.hold(directory, app)
        const held = JSON.parse(readFileSync(fileOf(directory), "utf8")) as HeldRun.HeldRun
        const say = (changed: object) =>
          writeFileSync(fileOf(directory), JSON.stringify({ ...held, ...changed }))
        assert.isTrue(yield* isFound)
        // The largest id that Linux gives is below this.
        say({ pid: 2 ** 22 + 1 })
        assert.isFalse(yield* isFound)
        say({ url: "http://127.0.0.1:1" })
        assert.isFalse(yield* isFound)
        say({ id: other.id })
        assert.isFalse(yield* isFound)
        say({ url: held.url.replace("127.0.0.1", "localhost") })
        assert.isFalse(yield* isFound)
        writeFileSync(fileOf(directory), "{")
        assert.isFalse(yield* isFound)
        say({})
        assert.isTrue(yield* isFound)
      }).pipe(Effect.scoped, Effect.provide(listening(app)))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("leaves the file of the app that came after it", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const app = yield* HeldRun.make(flags)
      yield* Effect.gen(function* () {
        yield* HeldRun.hold(directory, app)
        const held = JSON.parse(readFileSync(fileOf(directory), "utf8"))
        writeFileSync(fileOf(directory), JSON.stringify({ ...held, id: "another" }))
      }).pipe(Effect.scoped, Effect.provide(listening(app)))
      assert.isTrue(existsSync(fileOf(directory)))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("accepts the flags that the app has, and says what to do about others", () =>
    Effect.gen(function* () {
      const held = { pid: 7, id: "x", flags, url: "http://127.0.0.1:1" }
      yield* HeldRun.agree("d", held, {
        broker: Option.some("memory"),
        seed: Option.some(7),
        events: Option.none()
      })
      const other = yield* Effect.flip(HeldRun.agree("d", held, { seed: Option.some(8) }))
      assert.include(other.message, "--seed 8")
      assert.include(other.message, "has 7")
      assert.include(other.message, "--data DIR")
      const unknown = yield* Effect.flip(HeldRun.agree("d", held, { events: Option.some(5) }))
      assert.include(unknown.message, "takes no --events")
    })
  )
})
