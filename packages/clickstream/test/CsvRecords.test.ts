import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as CsvRecords from "../src/CsvRecords.ts"
import { Prng } from "../src/index.ts"

const read = (pieces: ReadonlyArray<string>, maxLength?: number) => {
  const reader = CsvRecords.make(maxLength === undefined ? {} : { maxLength })
  const records: Array<CsvRecords.CsvRecord> = []
  for (const piece of pieces) reader.push(piece, records)
  reader.end(records)
  return records
}

const fields = (text: string) => read([text]).map((record) => record.fields)

describe("CsvRecords", () => {
  it("reads plain fields, empty ones too, with LF or CRLF, with or without a last line break", () => {
    assert.deepStrictEqual(fields("a,b\n1,\n"), [
      ["a", "b"],
      ["1", ""]
    ])
    assert.deepStrictEqual(fields("a,b\r\n,2"), [
      ["a", "b"],
      ["", "2"]
    ])
    assert.deepStrictEqual(fields("a,b\r\n1,2\r"), [
      ["a", "b"],
      ["1", "2"]
    ])
  })

  it("reads quoted fields: commas, doubled quotes, line breaks, empty", () => {
    assert.deepStrictEqual(fields('"a,b","c ""d""",""\n"x\r\ny",1,\r\n'), [
      ["a,b", 'c "d"', ""],
      ["x\r\ny", "1", ""]
    ])
    assert.deepStrictEqual(fields('1,"2"'), [["1", "2"]])
    assert.deepStrictEqual(fields('1,"2",'), [["1", "2", ""]])
    assert.deepStrictEqual(fields('"1"\r'), [["1"]])
  })

  it("counts lines through empty lines and line breaks in quotes", () => {
    assert.deepStrictEqual(
      read(['a\n\n"b\nc"\r\n\r\nd\n']).map(({ fields, line }) => [line, fields[0]]),
      [
        [1, "a"],
        [3, "b\nc"],
        [6, "d"]
      ]
    )
  })

  it("a malformed record costs its first line and no other", () => {
    const faults = (text: string, maxLength?: number) =>
      read([text], maxLength).map(({ fault, fields, line }) => [line, fields, fault])
    assert.deepStrictEqual(faults('a,b\n1,"2\n3,4\n5,6\n'), [
      [1, ["a", "b"], undefined],
      [2, ['1,"2'], "has a quote that is not closed"],
      [3, ["3", "4"], undefined],
      [4, ["5", "6"], undefined]
    ])
    assert.deepStrictEqual(faults('1,2"3\n4,5\n'), [
      [1, ['1,2"3'], "has a quote inside a plain field"],
      [2, ["4", "5"], undefined]
    ])
    assert.deepStrictEqual(faults('"1"2\r\n4,5\n'), [
      [1, ['"1"2'], "has text after a closing quote"],
      [2, ["4", "5"], undefined]
    ])
    // A stray quote that meets a later one: the lines between are read again on their own.
    assert.deepStrictEqual(faults('1,"2\n3,4\n5,"6"\n'), [
      [1, ['1,"2'], "has text after a closing quote"],
      [2, ["3", "4"], undefined],
      [3, ["5", "6"], undefined]
    ])
    assert.deepStrictEqual(faults(`x,${"y".repeat(20)}\n1,2\n`, 10), [
      [1, ["x,yyyyyyyy"], "is longer than 10 characters"],
      [2, ["1", "2"], undefined]
    ])
    assert.deepStrictEqual(faults(`"x\n${"y\n".repeat(20)}"\n`, 10).slice(0, 2), [
      [1, ['"x'], "has a quote that is not closed within 10 characters"],
      [2, ["y"], undefined]
    ])
  })

  it(
    "where the text is cut never changes the records",
    () => {
      const alphabet = ["a", "bc", ",", ",", '"', '""', "\n", "\r\n", "\r", "é😀", '"x,y"', '"l\nm"', "\n"]
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 3000, long: 20_000 }); seed++) {
        const prng = Prng.make(seed)
        const below = (n: number) => Math.floor(prng.next() * n)
        const text = Array.from({ length: below(60) }, () => alphabet[below(alphabet.length)]).join("")
        const maxLength = below(2) === 0 ? 12 : 1000
        const whole = read([text], maxLength)
        assert.deepStrictEqual(
          read(
            [...text].flatMap((c) => [...c]),
            maxLength
          ),
          whole,
          `seed ${seed}`
        )
        const pieces: Array<string> = []
        for (let at = 0; at < text.length; ) {
          const length = 1 + below(9)
          pieces.push(text.slice(at, at + length))
          at += length
        }
        assert.deepStrictEqual(read(pieces, maxLength), whole, `seed ${seed}`)
      }
    },
    patience(120_000)
  )

  it("what is written by the rules is read back", () => {
    const values = ["", "a", "a,b", 'say "x"', "two\nlines", "\r\n", " padded ", "é😀", '"', ","]
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 500, long: 10_000 }); seed++) {
      const prng = Prng.make(seed)
      const below = (n: number) => Math.floor(prng.next() * n)
      const rows = Array.from({ length: 1 + below(6) }, () =>
        Array.from({ length: 2 + below(3) }, () => values[below(values.length)] as string)
      )
      const quote = (value: string) =>
        /[",\r\n]/.test(value) || below(2) === 0 ? `"${value.replaceAll('"', '""')}"` : value
      const text = rows.map((row) => row.map(quote).join(",")).join(below(2) === 0 ? "\n" : "\r\n")
      assert.deepStrictEqual(fields(text), rows, `seed ${seed}`)
    }
  })
})
