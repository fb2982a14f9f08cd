import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Versions from "../src/Versions.ts"
import { directory } from "./feed.ts"

describe("Versions", () => {
  it.effect("commits a version once: of many that try at the same time one does", () =>
    Effect.gen(function* () {
      const where = yield* directory
      for (let version = 1; version <= 20; version++) {
        const bodies = Array.from({ length: 5 }, (_, index) => `${version} by ${index}`)
        const exits = yield* Effect.forEach(
          bodies,
          (body) => Effect.exit(Versions.commit(where, "doc", version, body)),
          { concurrency: "unbounded" }
        )
        const winners = bodies.filter((_, index) => Exit.isSuccess(exits[index] ?? Exit.void))
        const winner = winners[0] ?? ""
        assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
        assert.deepStrictEqual(yield* Versions.newest(where, "doc"), { version, body: winner })
      }
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a version that was, also when its file is gone", () =>
    Effect.gen(function* () {
      const where = yield* directory
      for (let version = 1; version <= 6; version++)
        yield* Versions.commit(where, "doc", version, `v${version}`)
      assert.deepStrictEqual(
        fs.readdirSync(where).sort(),
        [4, 5, 6].map((version) => `doc.000000000${version}.json`)
      )
      for (const version of [2, 5, 6]) {
        const error = yield* Effect.flip(Versions.commit(where, "doc", version, "late"))
        assert.strictEqual(error.reason._tag, "Fenced")
        assert.deepStrictEqual(yield* Versions.newest(where, "doc"), { version: 6, body: "v6" })
      }
    }).pipe(Effect.scoped)
  )

  it.effect("finds every flipped byte of a document", () =>
    Effect.gen(function* () {
      const where = yield* directory
      yield* Versions.commit(where, "doc", 1, '{"a":\n1}')
      assert.strictEqual((yield* Versions.newest(where, "doc")).body, '{"a":\n1}')
      const file = path.join(where, "doc.0000000001.json")
      const whole = fs.readFileSync(file)
      for (let at = 0; at < whole.length; at++) {
        const flipped = Buffer.from(whole)
        flipped[at] = (flipped[at] ?? 0) ^ 1
        fs.writeFileSync(file, flipped)
        const error = yield* Effect.flip(Versions.newest(where, "doc"))
        assert.strictEqual(error.reason._tag, "Damaged", `byte ${at}`)
      }
    }).pipe(Effect.scoped)
  )
})
