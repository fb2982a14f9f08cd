import { spawn } from "node:child_process"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { Batch, Manifest, manifestOf } from "../src/index.ts"
import { directory, fill, like } from "./feed.ts"

/** More than all kills together leave time to archive. */
const records = count({ quick: 900, long: 12_000 })

/** Runs the archiver; kills it with SIGKILL once it has said `change` this often. Answers what it said last. */
const runArchiver = (broker: string, archive: string, killAt: number) =>
  Effect.callback<{ readonly changes: number; readonly last: string; readonly errors: string }>((resume) => {
    const script = path.join(import.meta.dirname, "archiver.ts")
    const child = spawn(process.execPath, ["--conditions=@troupe/source", script, broker, archive])
    let said = ""
    let errors = ""
    child.stderr.on("data", (bytes) => {
      errors += String(bytes)
    })
    child.stdout.on("data", (bytes) => {
      said += String(bytes)
      if (said.split("change\n").length > killAt) child.kill("SIGKILL")
    })
    child.on("close", () => {
      const lines = said.trim().split("\n")
      const changes = lines.filter((line) => line === "change").length
      resume(Effect.succeed({ changes, last: lines.at(-1) ?? "", errors }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("an archiver that is killed with kill -9", () => {
  it.effect(
    "goes on where it was, and has every record of the embedded topic exactly once",
    () =>
      Effect.gen(function* () {
        const root = yield* directory
        const [broker, archive] = [path.join(root, "broker"), path.join(root, "archive")]
        yield* Effect.gen(function* () {
          yield* fill(yield* (yield* Broker).topic({ name: "likes" }), 2, 0, records)
        }).pipe(Effect.provide(Embedded.layer({ directory: broker, durability: "os" }), { local: true }))

        const kills = count({ quick: 5, long: 60 })
        let killed = 0
        for (let kill = 0; kill < kills; kill++) {
          // Early kills mostly, so that there is something left for the next one.
          const killAt = 3 + ((kill * 7 + firstSeed()) % 11)
          const { errors, last } = yield* runArchiver(broker, archive, killAt)
          assert.strictEqual(errors, "", `kill ${kill} at change ${killAt}`)
          if (!last.startsWith("done")) killed++
          const held = Manifest.rows(yield* manifestOf(archive))
          assert.isAtMost(held, records)
        }
        assert.isAbove(killed, Math.floor(kills / 2))
        const { errors, last } = yield* runArchiver(broker, archive, Number.POSITIVE_INFINITY)
        assert.strictEqual(errors, "")
        assert.strictEqual(last, `done ${records}`)
        const batch = yield* Batch.open({ archives: { likes: archive } })
        const rows = yield* batch.query("SELECT sequence, id FROM likes ORDER BY sequence")
        assert.deepStrictEqual(
          rows,
          Array.from({ length: records }, (_, index) => ({ sequence: index + 1, id: like(index).id }))
        )
      }).pipe(Effect.scoped),
    count({ quick: 120_000, long: 1_200_000 })
  )
})
