import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"

const directory = join(import.meta.dirname, "..")
const readme = readFileSync(join(directory, "README.md"), "utf8")
const examples = Array.from(readme.matchAll(/^```ts\n(.*?)^```$/gms), ([, code = ""]) => code)

/** Runs an example as a reader would, and gives what it said; what actors log about crashes bears the time and is left out. */
const run = (example: string): ReadonlyArray<string> => {
  const args = ["--conditions=@troupe/source", "--input-type=module-typescript", "--eval", example]
  const { status, stderr, stdout } = spawnSync(process.execPath, args, {
    cwd: directory,
    encoding: "utf8",
    timeout: 25_000
  })
  assert.strictEqual(status, 0, stderr)
  return stdout.split("\n").filter((line) => line !== "" && !/^\[\d\d:/.test(line))
}

/** What an example says that has no lines after "// →": by a word of it, what it must match. */
const sayings: ReadonlyArray<readonly [word: string, saying: RegExp]> = [
  ["DeciderTest", /- reply: 100\n\+ reply: 200/],
  [
    "Interleavings",
    /^set to: 4\nseed \d+, after \d+ steps: 1 left of 2 after 2 were bought.*\nthe same again: true$/s
  ]
]

describe("the examples of the README", () => {
  it("are there", () => assert.isAbove(examples.length, 1))

  for (const [index, example] of examples.entries()) {
    const expected = Array.from(example.matchAll(/\/\/ → (.*)$/gm), ([, line = ""]) => line)
    const saying = sayings.find(([word]) => example.includes(word))?.[1]
    it(`number ${index + 1} says what it promises`, () => {
      const said = run(example)
      if (saying !== undefined) assert.match(said.join("\n"), saying)
      else {
        assert.isNotEmpty(expected)
        assert.deepStrictEqual(said, expected)
      }
    })
  }
})
