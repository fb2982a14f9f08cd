import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import { decodeExtras, encodeExtras, type RecordExtras } from "../src/RecordExtras.ts"
import { randomFrom } from "./Seeded.ts"

const draw = (random: () => number): RecordExtras => {
  const int = (below: number) => Math.floor(random() * below)
  const text = (letters: string, length: number) => {
    const all = Array.from(letters)
    return Array.from({ length }, () => all[int(all.length)]).join("")
  }
  const isScheduled = random() < 0.3
  return {
    messageId: random() < 0.5 ? text("!az~09._-", 1 + int(40)) : undefined,
    ttlMillis: random() < 0.3 ? 1_000 + random() * 1e9 : undefined,
    headers: Object.fromEntries(
      Array.from({ length: int(4) }, (_, i) => [
        `${text("abc-!~", 1 + int(8))}${i}`,
        text("ąż 5:\t€𝄞", int(30))
      ])
    ),
    rollup: random() < 0.5,
    schedule: isScheduled
      ? {
          atMillis: int(1e12),
          subject: text("ab.c", 5),
          ...(random() < 0.5 ? { ttlMillis: 1_000 + int(1e6) } : {})
        }
      : undefined,
    fires: !isScheduled && random() < 0.3 ? 1 + int(2 ** 40) : undefined
  }
}

describe("what a record has beside subject, time and data", () => {
  it("is read back as it was laid out, whatever of it is there", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 500, long: 20_000 }); seed++) {
      const extras = draw(randomFrom(seed))
      const { bytes, mark } = encodeExtras(extras)
      assert.isBelow(mark, 16, "the log keeps four bits")
      assert.deepStrictEqual(decodeExtras(mark, bytes ?? new Uint8Array(0)), extras, `TROUPE_SEED=${seed}`)
    }
  })

  it("is an error, never a guess of another size, when bytes are missing or others", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 300, long: 20_000 }); seed++) {
      const random = randomFrom(seed)
      const { bytes = new Uint8Array(0), mark } = encodeExtras(draw(random))
      const broken = Uint8Array.from(bytes.subarray(0, Math.floor(random() * (bytes.length + 1))))
      if (broken.length > 0) broken[Math.floor(random() * broken.length)] = Math.floor(random() * 256)
      try {
        const { headers, messageId } = decodeExtras(mark, broken)
        const size = Object.entries(headers).reduce(
          (sum, [name, value]) => sum + name.length + value.length,
          0
        )
        assert.isAtMost(size + (messageId?.length ?? 0), broken.length, `TROUPE_SEED=${seed}`)
      } catch (error) {
        if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error
      }
    }
  })
})
