import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import { seeded } from "../../src/disk/SimFs.ts"
import { crc32c } from "../../src/log/Crc32c.ts"
import { BloomFilter } from "../../src/lsm/BloomFilter.ts"
import { compareKeys, hashBytes } from "../../src/lsm/Bytes.ts"
import { sortKeys } from "../../src/lsm/KeyOrder.ts"
import { Memtable, MemtableView } from "../../src/lsm/Memtable.ts"
import { decodeTableFooter, encodeTableFooter, tableFooterAt } from "../../src/lsm/TableFooter.ts"
import { encodeTableIndex, TableIndex } from "../../src/lsm/TableIndex.ts"
import { decodeVersionEdit, encodeVersionEdit, type VersionEdit } from "../../src/lsm/VersionEdit.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const randomKey = (random: () => number, longest: number, letters: number): Uint8Array =>
  Uint8Array.from({ length: Math.floor(random() * longest) }, () => Math.floor(random() * letters))

const edit: VersionEdit = {
  isCheckpoint: false,
  walFloor: 2 ** 40 + 3,
  lastSequence: 2 ** 40 + 2,
  tracelessSequence: 77,
  tracelessMillis: 1_700_000_000_123,
  lastMillis: 1_700_000_000_456,
  add: [
    {
      level: 3,
      table: {
        id: 9,
        bytes: 2 ** 33,
        entries: 5,
        tombstones: 1,
        sequenceMin: 4,
        sequenceMax: 2 ** 40,
        crc: 0xdeadbeef,
        smallest: bytes(""),
        largest: bytes("zz")
      }
    }
  ],
  remove: [1, 2, 3]
}

const index = {
  prefix: bytes("user:"),
  smallest: bytes("user:0"),
  sequenceBase: 2 ** 35,
  timeBase: 5,
  blockEnds: [100, 250],
  blockCrcs: [1, 0xffffffff],
  lastKeys: [bytes("user:0007"), bytes("user:1")]
}

const footer = {
  filterStart: 4096,
  indexStart: 5000,
  filterCrc: 1,
  indexCrc: 2,
  entries: 3,
  tombstones: 1,
  tableId: 8,
  sequenceMin: 2 ** 33,
  sequenceMax: 2 ** 34
}

describe("what is encoded decodes to the same", () => {
  it("manifest edit, table footer, table index", () => {
    assert.deepStrictEqual(decodeVersionEdit(encodeVersionEdit(edit)), edit)
    const read = decodeTableFooter(encodeTableFooter(footer))
    assert.deepStrictEqual(read._tag === "Valid" ? read.footer : read, footer)
    const decoded = TableIndex.decode(encodeTableIndex(index), 250)
    if (typeof decoded === "string") return assert.fail(decoded)
    assert.deepStrictEqual(decoded.largest, bytes("user:1"))
    assert.deepStrictEqual(decoded.smallest, bytes("user:0"))
    assert.strictEqual(decoded.sequenceBase, 2 ** 35)
    const places = ["user:", "user:0007", "user:00070", "user:1", "user:10"].map((key) => [
      decoded.find(bytes(key), false),
      decoded.find(bytes(key), true)
    ])
    assert.deepStrictEqual(places, [
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 2],
      [2, 2]
    ])
  })
})

describe("decoders answer for any bytes, and never throw", () => {
  const encoded = {
    edit: encodeVersionEdit(edit),
    footer: encodeTableFooter(footer),
    index: encodeTableIndex(index)
  }
  it("mutated and random bytes", () => {
    let refused = 0
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 3000, long: 200_000 }); seed++) {
      const random = seeded(seed)
      for (const [kind, whole] of Object.entries(encoded)) {
        const mutated = random() < 0.3 ? whole.slice(0, Math.floor(random() * whole.length)) : whole.slice()
        for (let n = 0; n < 3; n++)
          mutated[Math.floor(random() * mutated.length)] = Math.floor(random() * 256)
        if (kind === "footer" && mutated.length === whole.length) {
          // A checksum that holds lets the rest of the decoder see the damage.
          new DataView(mutated.buffer).setUint32(tableFooterAt.footerCrc, crc32c(mutated, 0, 60), true)
        }
        const answer =
          kind === "edit"
            ? decodeVersionEdit(mutated)
            : kind === "footer"
              ? decodeTableFooter(mutated)
              : TableIndex.decode(mutated, 250)
        if (typeof answer === "string" || ("_tag" in answer && answer._tag !== "Valid")) refused++
      }
    }
    assert.isAbove(refused, 1000)
  })
})

describe("the core agrees with the plain way", () => {
  it("hashes as MurmurHash3 does", () => {
    // Reference values of MurmurHash3_x86_32 with seed 0.
    assert.strictEqual(hashBytes(bytes(""), 0, 0) >>> 0, 0)
    assert.strictEqual(hashBytes(bytes("hello"), 0, 5) >>> 0, 0x248bfa47)
    assert.strictEqual(hashBytes(bytes("hello, world"), 0, 12) >>> 0, 0x149bbb7f)
  })

  it("a filter never says no to a key that is in it, and seldom maybe to one that is not", () => {
    const total = 20_000
    const hash = (n: number): number => {
      const key = bytes(`key ${n}`)
      return hashBytes(key, 0, key.length)
    }
    const filter = BloomFilter.of(
      Int32Array.from({ length: total }, (_, n) => hash(n)),
      total,
      10
    )
    let wrong = 0
    for (let n = 0; n < total; n++) {
      assert.isTrue(filter.mayHold(hash(n)))
      if (filter.mayHold(hash(n + total))) wrong++
    }
    assert.isBelow(wrong / total, 0.02)
    assert.strictEqual(filter.bytes.length, Math.ceil((total * 10) / 512) * 64)
  })

  it("the radix order of keys is their order", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 5, long: 100 }); seed++) {
      const random = seeded(seed)
      const memtable = new Memtable(1 << 20)
      const prefix = seed % 2 === 0 ? bytes("shared:") : bytes("")
      for (let n = 0; n < 4000; n++) {
        const key = Buffer.concat([prefix, randomKey(random, 12, seed % 3 === 0 ? 256 : 3)])
        memtable.add(key, bytes(""), n + 1, 0)
      }
      const view = new MemtableView(memtable.shared)
      assert.isAbove(view.keyCount, 2100)
      const keys = Array.from(sortKeys(view, 0, view.keyCount), (id) =>
        view.arena.slice(view.keyStart(id), view.keyStart(id) + view.keyLength(id))
      )
      for (let i = 1; i < keys.length; i++) {
        const order = compareKeys(keys[i - 1] as Uint8Array, keys[i] as Uint8Array)
        assert.isBelow(order, 0, `TROUPE_SEED=${seed}, ${i}`)
      }
    }
  })
})
