import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import { vi } from "vitest"
import type { FileSystem } from "../src/disk/FileSystem.ts"
import { nodeFileSystem } from "../src/disk/NodeFileSystem.ts"
import { SimFs, seeded } from "../src/disk/SimFs.ts"
import { readWhole, replaceFile } from "../src/disk/WholeFile.ts"

// The long counts take minutes.
vi.setConfig({ testTimeout: count({ quick: 60_000, long: 1_800_000 }) })

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)

const writeTo = (fs: FileSystem, path: string, content: Uint8Array, at: number): number => {
  const file = fs.open(path, "write")
  fs.write(file, content, 0, content.length, at)
  return file
}

describe("the simulated disk", () => {
  it("answers as the real one does, call for call, while nothing goes wrong", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 10, long: 200 }); seed++) {
      const root = mkdtempSync(join(tmpdir(), "troupe-disk-"))
      const sim = new SimFs(seed)
      sim.makeDirectory("/root")
      const random = seeded(seed)
      const names = ["a", "b", "c"]
      const any = () => names[Math.floor(random() * names.length)] as string
      for (let step = 0; step < 60; step++) {
        const choice = Math.floor(random() * 7)
        const [name, other, position, size] = [
          any(),
          any(),
          Math.floor(random() * 50),
          Math.floor(random() * 40)
        ]
        const content = Uint8Array.from({ length: size }, () => Math.floor(random() * 256))
        const run = (fs: FileSystem, at: string): unknown => {
          const path = `${at}/${name}`
          try {
            if (choice === 0) return fs.close(fs.open(path, "create"))
            if (choice === 1) return fs.close(writeTo(fs, path, content, position))
            if (choice === 2) return [...readWhole(fs, path)]
            if (choice === 3) return fs.remove(path)
            if (choice === 4) return fs.rename(path, `${at}/${other}`)
            if (choice === 5) return [...(fs.list(at) ?? [])].sort()
            const file = fs.open(path, "write")
            fs.truncate(file, position)
            const found = fs.size(file)
            fs.sync(file)
            fs.close(file)
            fs.syncDirectory(at)
            return found
          } catch (error) {
            return error instanceof Error && "code" in error ? error.code : error
          }
        }
        assert.deepStrictEqual(
          run(sim, "/root"),
          run(nodeFileSystem, root),
          `TROUPE_SEED=${seed}, step ${step}, call ${choice}`
        )
      }
      rmSync(root, { recursive: true })
    }
  })

  it("loses what was not synced: content without sync, names without a sync of their directory", () => {
    const fs = new SimFs(1)
    fs.makeDirectory("/d")
    fs.syncDirectory("/")
    const a = fs.open("/d/a", "create")
    fs.write(a, bytes(1, 2, 3), 0, 3, 0)
    fs.sync(a)
    assert.strictEqual(fs.powerCut(1, "everything").files().size, 0, "a synced file without a name is gone")
    const again = new SimFs(1)
    again.makeDirectory("/d")
    again.syncDirectory("/")
    replaceFile(again, "/d/a", bytes(1, 2, 3))
    const b = again.open("/d/a", "write")
    again.write(b, bytes(4), 0, 1, 3)
    assert.deepStrictEqual([...(again.powerCut(1, "everything").files().get("/d/a") ?? [])], [1, 2, 3])
  })

  it("a process that died leaves all it wrote, still unsynced", () => {
    const fs = new SimFs(1)
    fs.makeDirectory("/d")
    const file = fs.open("/d/a", "create")
    fs.write(file, bytes(1, 2), 0, 2, 0)
    const killed = fs.processKilled(1)
    assert.deepStrictEqual([...(killed.files().get("/d/a") ?? [])], [1, 2])
    assert.strictEqual(killed.powerCut(1, "everything").files().size, 0)
    assert.throws(() => fs.size(file), /dead/)
  })

  it("tears, drops, zero-fills and reorders unsynced writes", () => {
    const seen = { whole: 0, nothing: 0, prefix: 0, zeroes: 0, sectors: 0, reordered: 0 }
    for (let seed = 1; seed <= 400; seed++) {
      const fs = new SimFs(seed)
      fs.makeDirectory("/d")
      fs.syncDirectory("/")
      const file = fs.open("/d/a", "create")
      fs.syncDirectory("/d")
      fs.write(file, new Uint8Array(2000).fill(1), 0, 2000, 0)
      fs.write(file, new Uint8Array(2000).fill(2), 0, 2000, 2000)
      const left = fs.powerCut(seed).files().get("/d/a") as Uint8Array
      const first = left.subarray(0, 2000)
      const second = left.subarray(2000)
      const ones = first.filter((byte) => byte === 1).length
      if (second.length > 0 && second.every((byte) => byte === 2) && ones < 2000) seen.reordered++
      if (left.length === 0) seen.nothing++
      else if (ones === 2000) seen.whole++
      else if (ones === 0) seen.zeroes++
      else if (first.lastIndexOf(1) === ones - 1) seen.prefix++
      else seen.sectors++
    }
    for (const [fate, times] of Object.entries(seen)) assert.isAbove(times, 5, fate)
  })

  it("a failed sync drops what it should have kept, and says nothing the second time", () => {
    const fs = new SimFs(1, { failAt: 6, code: "EIO" })
    fs.makeDirectory("/d")
    fs.syncDirectory("/")
    const file = fs.open("/d/a", "create")
    fs.syncDirectory("/d")
    fs.write(file, bytes(1), 0, 1, 0)
    assert.throws(() => fs.sync(file), /EIO/)
    fs.sync(file)
    assert.deepStrictEqual([...(fs.files().get("/d/a") ?? [])], [1], "the cache still shows it")
    assert.deepStrictEqual([...(fs.powerCut(1, "nothing").files().get("/d/a") ?? [])], [])
  })
})
