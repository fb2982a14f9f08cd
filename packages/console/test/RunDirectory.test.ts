import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { RunDirectory } from "../src/index.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "console-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** As when a person stands in `path` and npm has changed the folder. */
const standingIn = (path: string) =>
  Layer.merge(NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromUnknown({ INIT_CWD: path })))

describe("RunDirectory", () => {
  it.effect("makes the directory that was named, from where the person stands, and keeps it", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const directory = yield* RunDirectory.acquire({
        app: "x",
        data: Option.some("a/b"),
        keeps: false
      }).pipe(Effect.scoped, Effect.provide(standingIn(here)))
      assert.deepStrictEqual(directory, { path: join(here, "a/b"), isKept: true })
      assert.isTrue(existsSync(directory.path))
    })
  )

  it.effect("makes a new one for a run without a name, and removes it at the end", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const acquire = RunDirectory.acquire({ app: "x", data: Option.none(), keeps: false })
      const [first, second] = yield* Effect.all([acquire, acquire]).pipe(
        Effect.tap(([{ path }]) => Effect.sync(() => assert.isTrue(existsSync(path)))),
        Effect.scoped,
        Effect.provide(standingIn(here))
      )
      assert.notStrictEqual(first.path, second.path)
      assert.isFalse(first.isKept)
      assert.isFalse(existsSync(first.path))
    })
  )

  it.effect("says what to do when it cannot be made", () =>
    Effect.gen(function* () {
      const here = yield* folder
      writeFileSync(join(here, "file"), "")
      const error = yield* RunDirectory.acquire({ app: "x", data: Option.some("file/b"), keeps: false }).pipe(
        Effect.scoped,
        Effect.flip,
        Effect.provide(standingIn(here))
      )
      assert.strictEqual(error._tag, "DirectoryUnusable")
      assert.include(error.message, "--data DIR")
    })
  )
})
