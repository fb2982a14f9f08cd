import { execFile } from "node:child_process"
import { globSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"

const directory = join(import.meta.dirname, "..")
const examples = globSync("[0-9][0-9]-*.ts", { cwd: directory }).toSorted()

/** Runs an example as a reader would, and gives what it said. */
const run = (
  example: string
): Promise<{ readonly failure: Error | null; readonly stdout: string; readonly stderr: string }> =>
  new Promise((resolve) => {
    const args = ["--conditions=@troupe/source", example]
    execFile(process.execPath, args, { cwd: directory, timeout: 25_000 }, (failure, stdout, stderr) =>
      resolve({ failure, stdout, stderr })
    )
  })

describe("examples", () => {
  it("are numbered without a gap", () => {
    const numbers = examples.map((example) => Number(example.slice(0, 2)))
    assert.isAbove(numbers.length, 0)
    assert.deepStrictEqual(
      numbers,
      Array.from(numbers, (_, index) => index + 1)
    )
  })

  for (const example of examples) {
    it(`${example} runs, says something and ends by itself`, async () => {
      const { failure, stderr, stdout } = await run(example)
      assert.isNull(failure, stderr)
      assert.notStrictEqual(stdout.trim(), "")
      // What an example claims about its results it prints as a comparison.
      assert.notMatch(stdout, /: false$/m)
    })
  }
})
