import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import { vi } from "vitest"
import { seeded } from "../src/disk/SimFs.ts"
import { checksumRoom, crc32c, releaseRoom } from "../src/log/Crc32c.ts"
import {
  foldBytesMin,
  foldModule,
  foldPlaces,
  makeCrc32cByFolding,
  makeFoldingRoom
} from "../src/log/Crc32cFold.ts"
import { crc32cByTable } from "../src/log/Crc32cTable.ts"
import { wasmEngine } from "../src/log/WasmAssembler.ts"

vi.setConfig({ testTimeout: patience(60_000) })

/** The definition: one bit after the other. */
const bitByBit = (bytes: Uint8Array, seed: number): number => {
  let crc = ~seed
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & 0x82f63b78)
  }
  return ~crc >>> 0
}

/** x^exponent modulo the polynomial of CRC-32C. */
const powerOf = (exponent: number): number => {
  let power = 1
  for (let i = 0; i < exponent; i++) power = (power << 1) ^ ((power >> 31) & 0x1edc6f41)
  return power
}

const folding = makeCrc32cByFolding()

const noise = (length: number, random: () => number): Uint8Array =>
  Uint8Array.from({ length }, () => random() * 256)

describe("CRC-32C", () => {
  it("is folded with multiples of its polynomial", () => {
    for (const [name, places] of Object.entries(foldPlaces)) {
      const highest = Math.max(...places)
      const remainder = places.reduce((sum, place) => sum ^ powerOf(highest - place), powerOf(highest))
      assert.strictEqual(remainder, 0, name)
      assert.isAtLeast(Math.min(...places), 64, "a step takes nothing that it has just stored")
    }
  })

  it("is the same by definition, by table and by folding, at every length around each of its stages", () => {
    const bytes = noise(40_000, seeded(firstSeed()))
    const stages = [foldBytesMin, foldPlaces.far[2], foldPlaces.far[2] + 64, foldPlaces.far[2] + 16 * 1024]
    for (const stage of stages) {
      for (let length = Math.max(foldBytesMin, stage - 70); length < stage + 140; length++) {
        const expected = bitByBit(bytes.subarray(1, 1 + length), 7)
        assert.strictEqual(crc32cByTable(bytes, 1, 1 + length, 7), expected, `${length} bytes by table`)
        assert.strictEqual(folding(bytes, 1, 1 + length, 7), expected, `${length} bytes by folding`)
      }
    }
  })

  it("is the same by table and by folding for any bytes, place, length and seed", () => {
    for (let s = firstSeed(), end = s + count({ quick: 400, long: 20_000 }); s < end; s++) {
      const random = seeded(s)
      const length = Math.floor(foldBytesMin + random() ** 3 * 200_000)
      const start = Math.floor(random() * 64)
      const bytes = noise(start + length + 9, random)
      // Stretches of zeroes and ones are where a lost carry shows.
      if (random() < 0.3) bytes.fill(random() < 0.5 ? 0 : 255, start, start + Math.floor(random() * length))
      const seed = Math.floor(random() * 2 ** 32)
      const table = crc32cByTable(bytes, start, start + length, seed)
      assert.strictEqual(folding(bytes, start, start + length, seed), table, `seed ${s}`)
      const half = start + Math.floor(length / 2)
      const first = crc32c(bytes, start, half, seed)
      assert.strictEqual(crc32c(bytes, half, start + length, first), table, `seed ${s}, in two parts`)
    }
  })

  it("is the same in a room of its own, where bytes are folded where they lie and stay as they are", () => {
    const { crc32c: inRoom, room } = makeFoldingRoom(300_000)
    for (let s = firstSeed(), end = s + count({ quick: 200, long: 10_000 }); s < end; s++) {
      const random = seeded(s)
      const start = Math.floor(random() * 64)
      const length = Math.floor(foldBytesMin + random() * 290_000)
      const bytes = noise(length, random)
      room.set(bytes, start)
      const seed = Math.floor(random() * 2 ** 32)
      assert.strictEqual(
        inRoom(room, start, start + length, seed),
        crc32cByTable(bytes, 0, length, seed),
        `seed ${s}`
      )
      assert.isTrue(Buffer.compare(room.subarray(start, start + length), bytes) === 0, `seed ${s}: changed`)
    }
  })

  it("is the same in rooms, in more rooms than there are, and in one that was given back", () => {
    const bytes = noise(200_000, seeded(firstSeed()))
    const expected = crc32cByTable(bytes, 0, bytes.length, 0)
    const rooms = Array.from({ length: 12 }, () => checksumRoom(bytes.length))
    for (const room of rooms) {
      room.set(bytes)
      assert.strictEqual(crc32c(room), expected)
    }
    for (const room of rooms) releaseRoom(room)
    for (const room of rooms) assert.strictEqual(crc32c(room), expected)
  })

  it("has a module of instructions that the engine takes", () => {
    assert.isTrue(wasmEngine().validate(foldModule()))
  })

  it("goes by table where there is no WebAssembly", async () => {
    vi.resetModules()
    vi.stubGlobal("WebAssembly", undefined)
    try {
      const alone: typeof import("../src/log/Crc32c.ts") = await import("../src/log/Crc32c.ts")
      const bytes = noise(5000, seeded(firstSeed()))
      assert.strictEqual(alone.crc32c(bytes), bitByBit(bytes, 0))
    } finally {
      vi.unstubAllGlobals()
      vi.resetModules()
    }
  })
})
