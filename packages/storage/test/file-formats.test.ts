import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { batchColumn, columnLayout } from "../src/log/BatchColumns.ts"
import {
  batchAttribute,
  batchHeaderAt,
  batchHeaderBytes,
  batchVersion,
  controlKind
} from "../src/log/BatchHeader.ts"
import { indexHeaderAt, indexHeaderBytes, indexMagic } from "../src/log/IndexFile.ts"
import { stateHeaderAt, stateHeaderBytes, stateMagic } from "../src/log/LogState.ts"
import { decide, type Finding, recoveryTable } from "../src/log/RecoveryTable.ts"
import {
  formatMajor,
  formatMinor,
  segmentHeaderAt,
  segmentHeaderBytes,
  segmentMagic
} from "../src/log/SegmentHeader.ts"

const page = readFileSync(new URL("../../../docs/file-formats.md", import.meta.url), "utf8")

/** The rows of the `nth` table under a heading, without its head. */
const tableUnder = (heading: string, nth = 0): ReadonlyArray<ReadonlyArray<string>> => {
  const section = page.split(/^## /m).find((s) => s.startsWith(`${heading}\n`))
  assert.isDefined(section, `no section ${heading}`)
  const tables = (section as string).split("\n\n").filter((block) => block.startsWith("| "))
  const rows = (tables[nth] as string).trimEnd().split("\n").slice(2)
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
  )
}

const widths: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8, f64: 8 }
const widthOf = (type: string): number => {
  const [, base, times] = /^(\w+?)(?:\[(\d+)\])?$/.exec(type) as unknown as [
    string,
    string,
    string | undefined
  ]
  return (widths[base] as number) * Number(times ?? 1)
}

/** Fields with their places, after checking that they follow one another without gap or overlap up to `end`. */
const fieldsOf = (rows: ReadonlyArray<ReadonlyArray<string>>, end: number): Record<string, number> => {
  let at = 0
  for (const [place, field, type] of rows as ReadonlyArray<[string, string, string]>) {
    assert.strictEqual(Number(place), at, `${field} does not begin where the field before ends`)
    at += widthOf(type)
  }
  assert.strictEqual(at, end)
  return Object.fromEntries(rows.map(([place, field]) => [field, Number(place)]))
}

describe("docs/file-formats.md says what the code does", () => {
  it("segment header", () => {
    assert.deepStrictEqual(fieldsOf(tableUnder("Segment header"), segmentHeaderBytes), { ...segmentHeaderAt })
    assert.strictEqual(new TextDecoder().decode(segmentMagic), "TROUPLOG")
    assert.include(page, `Version ${formatMajor}.${formatMinor}.`)
  })

  it("batch header, attributes and kinds of control", () => {
    const rows = tableUnder("Batch header")
    assert.deepStrictEqual(fieldsOf(rows, batchHeaderBytes), { ...batchHeaderAt })
    assert.strictEqual(Number(rows.find((row) => row[1] === "version")?.[3]), batchVersion)
    const attributes = tableUnder("Batch header", 1)
      .filter(([bit]) => /^\d+$/.test(bit as string))
      .map(([bit, name]) => [(name as string).replace(/:.*/, ""), 1 << Number(bit)])
    assert.deepStrictEqual(Object.fromEntries(attributes), { ...batchAttribute })
    const kinds = tableUnder("Batch header", 2).map(([kind, name]) => [name, Number(kind)])
    assert.deepStrictEqual(Object.fromEntries(kinds), { ...controlKind })
  })

  it("batch body", () => {
    const rows = tableUnder("Batch body")
    assert.deepStrictEqual(Object.fromEntries(rows.map(([bit, column]) => [column, 1 << Number(bit)])), {
      ...batchColumn
    })
    const count = 7
    let at = batchHeaderBytes
    const layout = columnLayout(0x7f, count)
    for (const [, column, type] of rows as ReadonlyArray<[string, keyof typeof layout, string]>) {
      if (type === "–") continue
      assert.strictEqual(layout[column], at, column)
      at = Math.ceil((at + count * widthOf(type)) / 4) * 4
    }
    assert.strictEqual(layout.heapStart, at)
    assert.strictEqual(columnLayout(0xff, count).headerEnd - columnLayout(0xff, count).subjectId, 4 * count)
  })

  it("index file", () => {
    assert.deepStrictEqual(fieldsOf(tableUnder("Index file"), indexHeaderBytes), { ...indexHeaderAt })
    assert.strictEqual(new TextDecoder().decode(indexMagic), "TROUPIDX")
  })

  it("state file", () => {
    assert.deepStrictEqual(fieldsOf(tableUnder("State file"), stateHeaderBytes), { ...stateHeaderAt })
    assert.strictEqual(new TextDecoder().decode(stateMagic), "TROUPSTA")
  })

  it("recovery table", () => {
    const cell = (text: string) => (text === "any" ? "any" : text.split(", "))
    const rules = tableUnder("Recovery").map(([header, chain, body, line, later, decision]) => ({
      header: cell(header as string),
      chain: cell(chain as string),
      body: cell(body as string),
      line: cell(line as string),
      later: cell(later as string),
      decision
    }))
    assert.deepStrictEqual(rules, recoveryTable as unknown as typeof rules)
  })
})

describe("the recovery table", () => {
  const findings: ReadonlyArray<Finding> = (["ok", "bad", "zeroes"] as const).flatMap((header) =>
    (["ok", "bad"] as const).flatMap((chain) =>
      (["ok", "bad"] as const).flatMap((body) =>
        (["below", "above"] as const).flatMap((line) =>
          (["none", "unsynced", "synced"] as const).map((later) => ({ header, chain, body, line, later }))
        )
      )
    )
  )

  it("has a decision for everything that can be found", () => {
    for (const finding of findings) assert.isString(decide(finding))
  })

  it("never cuts what was synced, never cuts in silence what may hold batches, and accepts only what is good", () => {
    for (const finding of findings) {
      const decision = decide(finding)
      const good = finding.header === "ok" && finding.chain === "ok" && finding.body === "ok"
      assert.strictEqual(decision === "accept", good, JSON.stringify(finding))
      if (good) continue
      const synced = finding.line === "below" || finding.later === "synced"
      assert.strictEqual(decision === "refuse", synced, JSON.stringify(finding))
      if (!synced && finding.later === "unsynced")
        assert.strictEqual(decision, "cutWithCopy", JSON.stringify(finding))
    }
  })
})
