import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { formatMajor, formatMinor } from "../src/log/SegmentHeader.ts"
import {
  diskOf,
  goldenDeletes,
  goldenRecords,
  writeCompactedGoldenLog,
  writeGoldenLog
} from "./golden/golden-log.ts"
import { directory, lineOf, linesIn, recordOf, withLog } from "./sim-log.ts"

const golden = new URL("./golden/", import.meta.url)
const versions = readdirSync(golden).filter((name) => name.startsWith("version-"))

const filesOf = (version: string): ReadonlyMap<string, Uint8Array> => {
  const folder = new URL(`${version}/`, golden)
  const names = readdirSync(folder).sort()
  return new Map(
    names.map((name) => [`${directory}/${name}`, new Uint8Array(readFileSync(new URL(name, folder)))])
  )
}

/** The records of the compacted golden log: the last of each key, and those without a key that were not deleted. */
const compactedLines = (): Map<number, string> => {
  const keyOf = (n: number) => new TextDecoder().decode(recordOf(n).key)
  const deleted: ReadonlyArray<number> = [...goldenDeletes.before, ...goldenDeletes.after]
  const all = Array.from({ length: goldenRecords }, (_, i) => i + 1)
  const kept = all.filter(
    (n) => !deleted.includes(n) && (keyOf(n) === "" || all.findLast((m) => keyOf(m) === keyOf(n)) === n)
  )
  return new Map([...kept, goldenRecords + 1].map((n) => [n, lineOf(recordOf(n))]))
}

const allLines = (): Map<number, string> =>
  new Map(Array.from({ length: goldenRecords }, (_, i) => [i + 1, lineOf(recordOf(i + 1))]))

const linesOf = (version: string): Map<number, string> =>
  version === "version-1.0" ? allLines() : compactedLines()

describe("golden files", () => {
  it("there is one folder for each version, from 1.0 to the present one", () => {
    assert.deepStrictEqual(versions, ["version-1.0", `version-${formatMajor}.${formatMinor}`])
    for (const version of versions) assert.isAbove(filesOf(version).size, 4)
  })

  for (const version of versions) {
    it.effect(`${version} opens, shows the records it was made of, and is not changed by that`, () =>
      Effect.gen(function* () {
        const files = filesOf(version)
        const disk = diskOf(files)
        yield* withLog(disk, { durability: "disk" }, (log) =>
          Effect.sync(() => {
            assert.deepStrictEqual(log.recovery, { cut: undefined, rebuiltIndexes: [], repaired: [] })
            assert.deepStrictEqual(linesIn(log), linesOf(version))
            const controls = [...log.scan()].flat().flatMap((batch) => (batch.isControl ? [batch] : []))
            const texts = controls.flatMap((b) =>
              Array.from({ length: b.count }, (_, row) => new TextDecoder().decode(b.value(row)))
            )
            assert.deepStrictEqual(texts, ["control 18", "control 27"])
          })
        )
        assert.deepStrictEqual(disk.files(), files)
      })
    )
  }

  it("version 1.0 is what the code writes today, byte for byte", () => {
    assert.deepStrictEqual(writeGoldenLog(), filesOf("version-1.0"))
  })

  it.effect("so is version 1.1, made by compacting version 1.0", () =>
    Effect.map(writeCompactedGoldenLog(filesOf("version-1.0")), (files) =>
      assert.deepStrictEqual(files, filesOf("version-1.1"))
    )
  )
})
