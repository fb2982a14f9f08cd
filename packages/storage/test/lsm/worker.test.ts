import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import { Lsm, LsmCorrupt } from "../../src/lsm.ts"
import { decoded, shown } from "./sim-lsm.ts"

const inTemp = <A, E>(use: (directory: string) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "troupe-lsm-worker-"))),
    use,
    (home) => Effect.sync(() => rmSync(home, { recursive: true }))
  )

const package_ = fileURLToPath(new URL("../..", import.meta.url))

/** A program over the installed entry point: it flushes and compacts in threads and ends by itself. */
const program = (entry: string): string => `
  import { ActorSystem } from "@troupe/runtime"
  import { Lsm } from "${entry}"
  import * as Effect from "effect/Effect"
  const [directory] = process.argv.slice(1)
  const run = Effect.gen(function* () {
    const store = yield* Lsm.open({ directory, durability: "os", memtableBytes: 65536 })
    for (let i = 0; i < 40; i++) {
      yield* store.write(Array.from({ length: 100 }, (_, k) => ({ type: "put", key: "k" + ((i * 37 + k) % 500), value: "v".repeat(60) })))
    }
    yield* store.compact
    const { flushes, compactions, entries } = store.stats
    console.log(JSON.stringify({ isThreaded: flushes > 1 && compactions > 0, entries }))
  })
  await Effect.runPromise(Effect.scoped(run).pipe(Effect.provide(ActorSystem.layer)))
`

const outputOf = (directory: string, entry: string, flags: ReadonlyArray<string>): unknown =>
  JSON.parse(
    execFileSync(process.execPath, [...flags, "--input-type=module", "--eval", program(entry), directory], {
      cwd: package_,
      encoding: "utf8"
    })
  )

describe("flush and compaction in worker threads", () => {
  it.live("run here, report their counts, and an error of theirs is ours", () =>
    inTemp((home) =>
      Effect.gen(function* () {
        const store = yield* Lsm.open({ directory: home, durability: "os", memtableBytes: 32 * 1024 })
        for (let n = 0; n < 2000; n++) yield* store.put(`key ${n % 300}`, `value ${n}`)
        yield* store.compact
        assert.strictEqual(shown(store).size, 300)
        assert.strictEqual(decoded(store.getSync("key 299")), "value 1799")
        const { compactions, droppedVersions, flushes } = store.stats
        assert.isAbove(flushes, 0)
        assert.isAbove(compactions, 0)
        assert.isAbove(droppedVersions, 1000)
      }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
    )
  )

  it.live(
    "damage that a thread finds fails the compaction, and writes from then on; the rest stays readable",
    () =>
      inTemp((home) =>
        Effect.gen(function* () {
          const options = {
            directory: home,
            durability: "os",
            memtableBytes: 32 * 1024,
            level0: { trigger: 8 }
          } as const
          yield* Effect.scoped(
            Effect.gen(function* () {
              const store = yield* Lsm.open(options)
              for (let n = 0; n < 100; n++) yield* store.put(`a ${n}`, "x".repeat(100))
              yield* store.flush
            })
          )
          const { closeSync, openSync, readdirSync, writeSync } = yield* Effect.promise(
            () => import("node:fs")
          )
          const [table] = readdirSync(join(home, "tables"))
          const file = openSync(join(home, "tables", table as string), "r+")
          writeSync(file, "damage", 5000)
          closeSync(file)
          const store = yield* Lsm.open(options)
          yield* store.put("b", "fine")
          const error = yield* Effect.flip(store.compact)
          assert.instanceOf(error, LsmCorrupt)
          assert.strictEqual((yield* Effect.flip(store.put("c", "late")))._tag, "LsmFailed")
          assert.strictEqual(decoded(store.getSync("b")), "fine")
          assert.strictEqual(decoded(store.getSync("a 0")), "x".repeat(100))
        }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
      )
  )

  it.live("start from the TypeScript sources in a plain process", () =>
    inTemp((home) =>
      Effect.sync(() =>
        assert.deepStrictEqual(outputOf(home, "@troupe/storage/lsm", ["--conditions=@troupe/source"]), {
          isThreaded: true,
          entries: 500
        })
      )
    )
  )

  const isBuilt = ["storage", "runtime", "broker"].every((name) =>
    existsSync(join(package_, "..", name, "dist"))
  )
  it.live.skipIf(!isBuilt)("start from the built package, when it is built", () =>
    inTemp((home) =>
      Effect.sync(() =>
        assert.deepStrictEqual(outputOf(home, "@troupe/storage/lsm", []), { isThreaded: true, entries: 500 })
      )
    )
  )
})
