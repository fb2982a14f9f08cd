import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"

const directory = join(import.meta.dirname, "..")
const readme = readFileSync(join(directory, "README.md"), "utf8")
const examples = Array.from(readme.matchAll(/^```ts\n(.*?)^```$/gms), ([, code = ""]) => code)

describe("the examples of the README", () => {
  it("are there", () => assert.isAbove(examples.length, 1))

  for (const [index, example] of examples.entries()) {
    it(`number ${index + 1} prints what it says after "// →"`, () => {
      const args = ["--conditions=@troupe/source", "--input-type=module-typescript", "--eval", example]
      const { status, stderr, stdout } = spawnSync(process.execPath, args, {
        cwd: directory,
        encoding: "utf8"
      })
      assert.strictEqual(status, 0, stderr)
      const expected = Array.from(example.matchAll(/\/\/ → (.*)$/gm), ([, line = ""]) => line)
      assert.isNotEmpty(expected)
      // What actors log about crashes bears the time.
      const printed = stdout.split("\n").filter((line) => line !== "" && !/^\[\d\d:/.test(line))
      assert.deepStrictEqual(printed, expected)
    })
  }
})
