import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"

const directory = join(import.meta.dirname, "..")
const blocks = Array.from(
  readFileSync(join(directory, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms),
  ([, code = ""]) => code
)

/** Runs an example as a reader would, and gives what it said. */
const run = (code: string): string => {
  const args = ["--conditions=@troupe/source", "--input-type=module-typescript", "--eval", code]
  const { status, stderr, stdout } = spawnSync(process.execPath, args, {
    cwd: directory,
    encoding: "utf8",
    timeout: 25_000
  })
  assert.strictEqual(status, 0, stderr)
  return stdout
}

describe("the examples of the README", () => {
  it("are there", () => {
    assert.strictEqual(blocks.length, 3)
  })

  it("the first talks to an account", () => {
    assert.include(run(blocks[0] ?? ""), "left: 2")
  })

  it("the one about old events shows a mismatch", () => {
    assert.include(run(blocks[1] ?? ""), "- reply: 100\n+ reply: 200")
  })

  it("the one about testing finds the bug, and replays it", () => {
    const said = run(blocks[2] ?? "")
    assert.match(said, /set to: 4\nseed \d+, after \d+ steps: 1 left of 2 after 2 were bought/)
    assert.include(said, "the same again: true")
  })
})
