import { assert, describe, it } from "@effect/vitest"
import { Table, TableDiff, TableDigest } from "../src/index.ts"

interface Change {
  readonly id: string
  readonly revision: number
  readonly count: number | undefined
}

const spec: Table.TableSpec<Change> = {
  key: (change) => change.id,
  revision: (change) => change.revision,
  row: (change) => (change.count === undefined ? undefined : { count: change.count })
}
const change = (id: string, revision: number, count?: number): Change => ({ id, revision, count })

describe("Table", () => {
  it("keeps the highest revision of each key", () => {
    const rows = Table.rowsOf(spec, [change("a", 1, 10), change("a", 3, 30), change("a", 2, 20)])
    assert.deepStrictEqual([...rows], [["a", { count: 30 }]])
  })

  it("is not changed by reading the same outputs again", () => {
    const outputs = [change("a", 1, 10), change("b", 1, 1), change("a", 2)]
    assert.deepStrictEqual(
      [...Table.rowsOf(spec, [...outputs, ...outputs])],
      [...Table.rowsOf(spec, outputs)]
    )
  })

  it("removes retracted rows, and no older output brings them back", () => {
    const rows = Table.rowsOf(spec, [change("a", 1, 10), change("a", 3), change("a", 2, 20)])
    assert.strictEqual(rows.size, 0)
  })

  it("passes over outputs that are not about it", () => {
    const rows = Table.rowsOf({ ...spec, key: () => undefined }, [change("a", 1, 10)])
    assert.strictEqual(rows.size, 0)
  })
})

describe("TableDigest", () => {
  const ab = Table.rowsOf(spec, [change("a", 1, 1), change("b", 1, 2)])
  const ba = Table.rowsOf(spec, [change("b", 1, 2), change("a", 1, 1)])

  it("does not depend on the order in which rows came", () => {
    assert.strictEqual(TableDigest.canonical(ab), TableDigest.canonical(ba))
    assert.deepStrictEqual(TableDigest.orderFree(ab), TableDigest.orderFree(ba))
  })

  it("is the value that anybody can compute from the texts", () => {
    // printf '"a":{"count":1}\n"b":{"count":2}\n' | sha256sum
    assert.strictEqual(
      TableDigest.canonical(ab),
      "66959707267b54aa63bfc4ab01df314d797b86d3387d36ebecc5266d9f24fbae"
    )
    // printf '"a":{"count":1}' | sha256sum, first 16 digits, plus the same of the other row, modulo 2^64
    assert.deepStrictEqual(TableDigest.orderFree(ab), { count: 2, sum: "9cbf4506fb74870f" })
  })

  it("differs when a row, a field or a key differs", () => {
    for (const other of [
      [change("a", 1, 1)],
      [change("a", 1, 1), change("b", 1, 3)],
      [change("a", 1, 1), change("c", 1, 2)]
    ]) {
      const rows = Table.rowsOf(spec, other)
      assert.notStrictEqual(TableDigest.canonical(rows), TableDigest.canonical(ab))
      assert.notDeepEqual(TableDigest.orderFree(rows), TableDigest.orderFree(ab))
    }
  })

  it("does not see the order of a row's fields", () => {
    const one = new Map([["k", { x: 1, y: [1, { p: 1, q: 2 }] }]])
    const two = new Map([["k", { y: [1, { q: 2, p: 1 }], x: 1 }]])
    assert.strictEqual(TableDigest.canonical(one), TableDigest.canonical(two))
    assert.isTrue(TableDiff.diff(one, two).equal)
  })
})

describe("TableDiff", () => {
  it("lists what was added, removed and changed, by field and with keys", () => {
    const before = new Map([
      ["same", { x: 1, y: 1 }],
      ["gone", { x: 1, y: 1 }],
      ["x", { x: 1, y: 1 }],
      ["xy", { x: 1, y: 1 }]
    ])
    const after = new Map<string, Table.Row>([
      ["same", { x: 1, y: 1 }],
      ["x", { x: 2, y: 1 }],
      ["xy", { x: 2, z: 1 }],
      ["new", { x: 1, y: 1 }]
    ])
    assert.deepStrictEqual(TableDiff.diff(before, after), {
      equal: false,
      same: 1,
      added: { count: 1, examples: ["new"] },
      removed: { count: 1, examples: ["gone"] },
      changed: { count: 2, examples: ["x", "xy"] },
      fields: [
        { field: "x", count: 2, examples: ["x", "xy"] },
        { field: "y", count: 1, examples: ["xy"] },
        { field: "z", count: 1, examples: ["xy"] }
      ]
    })
  })

  it("bounds the examples, not the counts", () => {
    const after = new Map(Array.from({ length: 9 }, (_, index) => [`k${8 - index}`, { x: 1 }] as const))
    assert.deepStrictEqual(TableDiff.diff(new Map(), after, { examples: 2 }).added, {
      count: 9,
      examples: ["k0", "k1"]
    })
  })
})
