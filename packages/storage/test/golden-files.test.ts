import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SimFs } from "../src/disk/SimFs.ts"
import { goldenRecords, writeGoldenLog } from "./golden/golden-log.ts"
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

describe("golden files", () => {
  it("there is one folder for each version, the first is 1.0", () => {
    assert.include(versions, "version-1.0")
    assert.isAbove(filesOf("version-1.0").size, 4)
  })

  for (const version of versions) {
    it.effect(`${version} opens, shows the records it was made of, and is not changed by that`, () =>
      Effect.gen(function* () {
        const files = filesOf(version)
        const disk = new SimFs(1)
        disk.makeDirectory("/data")
        disk.makeDirectory(directory)
        for (const [path, bytes] of files) disk.put(path, bytes)
        yield* withLog(disk, { durability: "disk" }, (log) =>
          Effect.sync(() => {
            assert.deepStrictEqual(log.recovery, { cut: undefined, rebuiltIndexes: [] })
            const lines = linesIn(log)
            assert.strictEqual(lines.size, goldenRecords)
            for (let n = 1; n <= goldenRecords; n++) assert.strictEqual(lines.get(n), lineOf(recordOf(n)))
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
})
