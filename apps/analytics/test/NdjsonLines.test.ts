import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as NdjsonLines from "../src/social/NdjsonLines.ts"

const utf8 = new TextEncoder()
const latin = new TextDecoder("latin1")
const limit = 8

const read = (pieces: ReadonlyArray<Uint8Array>): ReadonlyArray<readonly [number, string, number]> => {
  const reader = NdjsonLines.make(limit)
  const found: Array<readonly [number, string, number]> = []
  const keep = (lines: ReadonlyArray<NdjsonLines.Line>) => {
    for (const { bytes, length, number } of lines) found.push([number, latin.decode(bytes), length])
  }
  for (const piece of pieces) {
    const lines: Array<NdjsonLines.Line> = []
    reader.push(piece, lines)
    keep(lines)
  }
  const last: Array<NdjsonLines.Line> = []
  reader.end(last)
  keep(last)
  return found
}

const cutAt = (bytes: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size))

/** The same by splitting the whole text: what a line is, without memory to save. */
const model = (text: string) => {
  const parts = text.split("\n")
  if (parts.at(-1) === "") parts.pop()
  return parts.flatMap((part, i) => {
    const line = part.endsWith("\r") ? part.slice(0, -1) : part
    return line === "" ? [] : [[i + 1, line.slice(0, limit), line.length] as const]
  })
}

const nearLines = Schema.Array(Schema.Literals(["a", "bcd", "\n", "\r", "\r\n", "x".repeat(limit), "y\r"]))

describe("NdjsonLines", () => {
  it.prop("gives the lines of a text, however its bytes are cut", [nearLines], ([parts]) => {
    const text = parts.join("")
    const expected = model(text)
    for (const size of [1, 2, 3, 7, 1000]) {
      assert.deepStrictEqual(read(cutAt(utf8.encode(text), size)), expected, JSON.stringify([text, size]))
    }
  })

  it("counts empty lines, ends lines with LF or CRLF, and needs no end of the last", () => {
    assert.deepStrictEqual(read([utf8.encode("a\r\n\n\r\nb\rc\nd")]), [
      [1, "a", 1],
      [4, "b\rc", 3],
      [5, "d", 1]
    ])
  })

  it("keeps of a long line what the limit allows, and its whole length", () => {
    const long = "0123456789".repeat(1000)
    for (const size of [1, 5, 64, 100_000]) {
      assert.deepStrictEqual(read(cutAt(utf8.encode(`${long}\r\nnext\n12345678\r\n123456789`), size)), [
        [1, "01234567", 10_000],
        [2, "next", 4],
        [3, "12345678", 8],
        [4, "12345678", 9]
      ])
    }
  })
})
