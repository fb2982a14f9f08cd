import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { sourceOf } from "../DebianPackage.ts"
import { isRecentEnough, locate } from "../NatsBinary.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "troupe-nats-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

/** A program that says it is nats-server of that version. */
const pretend = (directory: string, version: string) =>
  Effect.promise(async () => {
    await mkdir(directory, { recursive: true })
    const path = join(directory, "nats-server")
    await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`)
    await chmod(path, 0o755)
    return path
  })

const withEnvironment = (environment: Record<string, string>) =>
  Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))

describe("NatsBinary.locate", () => {
  it("takes 2.14 and newer", () => {
    assert.deepStrictEqual(["2.9.10", "2.13.9", "2.14.0", "2.15.1", "3.0.0"].map(isRecentEnough), [
      false,
      false,
      true,
      true,
      true
    ])
  })

  it.effect("prefers NATS_SERVER, then PATH, then the cache", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const named = yield* pretend(join(root, "named"), "2.14.1")
      const onPath = yield* pretend(join(root, "path"), "2.14.2")
      const cached = yield* pretend(join(root, "cache"), "2.14.3")
      const PATH = `${join(root, "nothing")}:${join(root, "path")}`
      const found = (environment: Record<string, string>) =>
        locate(join(root, "cache")).pipe(withEnvironment(environment))
      assert.deepStrictEqual(yield* found({ NATS_SERVER: named, PATH }), { path: named, version: "2.14.1" })
      assert.deepStrictEqual(yield* found({ PATH }), { path: onPath, version: "2.14.2" })
      assert.deepStrictEqual(yield* found({ PATH: "" }), { path: cached, version: "2.14.3" })
    })
  )

  it.effect("passes over a server on PATH that is too old", () =>
    Effect.gen(function* () {
      const root = yield* folder
      yield* pretend(join(root, "path"), "2.10.27")
      const cached = yield* pretend(join(root, "cache"), "2.15.0")
      const found = yield* locate(join(root, "cache")).pipe(withEnvironment({ PATH: join(root, "path") }))
      assert.strictEqual(found.path, cached)
    })
  )

  it.effect("refuses a NATS_SERVER that is too old, with four ways to get one", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const old = yield* pretend(root, "2.9.10")
      const failure = yield* Effect.flip(locate(root).pipe(withEnvironment({ NATS_SERVER: old })))
      assert.strictEqual(failure._tag, "NatsServerMissing")
      const lines = failure.message.split("\n")
      assert.strictEqual(lines.length, 2)
      assert.include(lines[0] ?? "", "2.9.10")
      for (const way of ["brew", "docker", "go install", "GitHub release"])
        assert.include(lines[1] ?? "", way)
    })
  )
})

describe("DebianPackage.sourceOf", () => {
  const expected = { uri: "http://mirror.invalid/debian", signedBy: "/keys/debian.gpg" }

  it("reads deb822 stanzas, past other repositories and other suites", () => {
    const text = [
      "Types: deb\nURIs: http://other.invalid/x\nSuites: nodistro\nComponents: main\n",
      "Types: deb\n# a comment\nURIs: http://mirror.invalid/security\nSuites: bookworm-security\nComponents: main\n",
      "Types: deb\nURIs: http://mirror.invalid/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /keys/debian.gpg\n"
    ].join("\n")
    assert.deepStrictEqual(sourceOf("bookworm", ["", text]), expected)
  })

  it("reads one-line entries", () => {
    const text = [
      "# deb http://commented.invalid/debian bookworm main",
      "deb http://mirror.invalid/security bookworm-security main",
      "deb [arch=amd64 signed-by=/keys/debian.gpg] http://mirror.invalid/debian bookworm main contrib"
    ].join("\n")
    assert.deepStrictEqual(sourceOf("bookworm", [text]), expected)
    assert.isUndefined(sourceOf("trixie", [text]))
  })
})
