import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { SimFs } from "../../src/disk/SimFs.ts"
import { Log } from "../../src/log.ts"
import { blockCodec, blockTailAt, blockTailBytes } from "../../src/lsm/Block.ts"
import { filterLineBytes } from "../../src/lsm/BloomFilter.ts"
import { entryFlag } from "../../src/lsm/EntryCursor.ts"
import { keyBytesMax } from "../../src/lsm/StoreWriter.ts"
import {
  tableFooterAt,
  tableFooterBytes,
  tableMagic,
  tableMajor,
  tableMinor
} from "../../src/lsm/TableFooter.ts"
import { tableIndexAt, tableIndexColumns } from "../../src/lsm/TableIndex.ts"
import { levelCount } from "../../src/lsm/Version.ts"
import { editComparator, editKind, editTableAt, versionEditAt } from "../../src/lsm/VersionEdit.ts"
import { Lsm } from "../../src/lsm.ts"
import { decoded, directory, shown, tiny, withStore } from "./sim-lsm.ts"

const page = readFileSync(new URL("../../../../docs/lsm-format.md", import.meta.url), "utf8")

type Rows = ReadonlyArray<ReadonlyArray<string>>

/** The rows of the `nth` table under a heading, without its head. */
const tableUnder = (heading: string, nth = 0): Rows => {
  const section = page.split(/^## /m).find((s) => s.startsWith(`${heading}\n`))
  assert.isDefined(section, `no section ${heading}`)
  const tables = (section as string).split("\n\n").filter((block) => block.startsWith("| "))
  const cells = (row: string): ReadonlyArray<string> =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
  return (tables[nth] as string).trimEnd().split("\n").slice(2).map(cells)
}

const widths: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8, f64: 8, "u8[8]": 8 }

/** Fields with their places, after checking that they follow one another without gap or overlap from `begin` to `end`. */
const fieldsOf = (rows: Rows, end: number, begin = 0): Record<string, number> => {
  let at = begin
  for (const [place, field, type] of rows as ReadonlyArray<[string, string, string]>) {
    assert.strictEqual(Number(place), at, `${field} does not begin where the field before ends`)
    at += widths[type] as number
  }
  assert.strictEqual(at, end)
  return Object.fromEntries(rows.map(([place, field]) => [field as string, Number(place)]))
}

describe("docs/lsm-format.md says what the code does", () => {
  it("manifest edit", () => {
    const { tables, ...edit } = versionEditAt
    assert.deepStrictEqual(fieldsOf(tableUnder("Manifest edit"), tables), edit)
    const { keys, ...table } = editTableAt
    assert.deepStrictEqual(fieldsOf(tableUnder("Manifest edit", 1), keys), table)
    assert.include(page, `| 4 | level | u32 | 0 to ${levelCount - 1} |`)
    assert.include(page, `kind \`checkpoint\` (${editKind.checkpoint})`)
    assert.include(page, `Kind \`change\` is ${editKind.change}`)
    assert.include(page, `order of keys: ${editComparator.bytes}, bytes`)
  })

  it("data block, entry flags", () => {
    assert.deepStrictEqual(fieldsOf(tableUnder("Data block"), 0, -blockTailBytes), { ...blockTailAt })
    assert.include(page, `| -6 | codec | u8 | ${blockCodec.none}: stored as they are |`)
    const flags = tableUnder("Data block", 2).map(([bit, name]) => [name, 1 << Number(bit)])
    assert.deepStrictEqual(Object.fromEntries(flags), { ...entryFlag })
  })

  it("filter, index, footer", () => {
    assert.include(page, `lines of ${filterLineBytes} bytes`)
    const { columns, ...index } = tableIndexAt
    assert.deepStrictEqual(fieldsOf(tableUnder("Index"), columns), index)
    assert.include(
      page,
      `u32, one entry a block: ${tableIndexColumns.map((name) => `\`${name}\``).join(", ")}.`
    )
    assert.deepStrictEqual(fieldsOf(tableUnder("Footer"), tableFooterBytes), { ...tableFooterAt })
    assert.strictEqual(new TextDecoder().decode(tableMagic), "TROUPSST")
    assert.include(page, `Version ${tableMajor}.${tableMinor}.`)
    assert.include(page, `at most ${keyBytesMax.toLocaleString("en").replace(",", " ")} of them`)
  })

  it.effect("write-ahead log record, and the tail of a block as bytes", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      yield* withStore(fs, { ...tiny, durability: "disk", wal: { keepMillis: 1e9 } }, (store) =>
        Effect.gen(function* () {
          yield* store.write([
            { type: "put", key: "a", value: "1" },
            { type: "delete", key: "b" }
          ])
          yield* store.flush
        })
      )
      const log = yield* Log.openReadOnly({ directory: `${directory}/wal` }).pipe(
        Effect.provideService(FileSystem, fs)
      )
      const [batch] = log.read(1, 1000)
      assert.strictEqual(batch?.count, 2)
      assert.deepStrictEqual(
        [decoded(batch?.key(0)), decoded(batch?.value(0)), batch?.isTombstone(0)],
        ["a", "1", false]
      )
      assert.deepStrictEqual(
        [decoded(batch?.key(1)), decoded(batch?.value(1)), batch?.isTombstone(1)],
        ["b", "", true]
      )
      const [table] = [...fs.files()].filter(([path]) => path.endsWith(".sst")).map(([, bytes]) => bytes)
      const view = new DataView(table?.buffer ?? new ArrayBuffer(0))
      const end = view.getUint32((table?.length ?? 0) - tableFooterBytes + tableFooterAt.filterStart, true)
      // Only the put: nothing is below, so the delete needs no trace. Flags, length of the key, key, sequence 0, value "1".
      assert.strictEqual(view.getUint16(end + blockTailAt.count, true), 1)
      assert.deepStrictEqual([...(table ?? []).slice(0, 5)], [0, 1, 97, 0, 49])
    })
  )
})

const golden = fileURLToPath(new URL("./golden/1.0", import.meta.url))

describe("a store of version 1.0", () => {
  it.live("opens, with every value and version", () =>
    Effect.gen(function* () {
      const home = mkdtempSync(join(tmpdir(), "troupe-golden-"))
      cpSync(golden, home, { recursive: true })
      yield* Effect.gen(function* () {
        const store = yield* Lsm.open({ directory: home, durability: "disk", history: { versions: 2 } })
        const state = shown(store)
        assert.strictEqual(state.size, 39)
        assert.strictEqual(state.get("key:003"), "value 43")
        assert.strictEqual(state.get("key:030"), "value 30")
        assert.strictEqual(state.get("only in the log"), "yes")
        assert.isFalse(state.has("key:007"))
        assert.isFalse(state.has("key:008"))
        assert.strictEqual(decoded(yield* store.getAsOf("key:003", { sequence: 10 })), "value 3")
        assert.strictEqual(store.sequence, 63)
        assert.strictEqual(store.stats.entries, 60)
      }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
      rmSync(home, { recursive: true })
    })
  )
})
