import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { firstExample } from "../first-example.ts"
import { runReadme } from "../run-readme.ts"

let directory: string

const pack = (folder: string, manifest: object, files: Readonly<Record<string, string>>): string => {
  const home = join(directory, folder)
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, "package.json"), JSON.stringify({ version: "1.0.0", type: "module", ...manifest }))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(home, file), text)
  const [packed] = JSON.parse(execFileSync("npm", ["pack", "--json"], { cwd: home, encoding: "utf8" }))
  return join(home, packed.filename)
}

const block = (...lines: ReadonlyArray<string>): string =>
  ["# greet", "```ts", ...lines, "```", ""].join("\n")

let tarball: string
let beside: ReadonlyMap<string, string>

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "run-readme-"))
  const words = pack(
    "words",
    { name: "@acme/words", exports: "./index.js" },
    { "index.js": 'export const hello = "hello"' }
  )
  beside = new Map([["@acme/words", words]])
  tarball = pack(
    "greet",
    { name: "@acme/greet", exports: "./index.js", dependencies: { "@acme/words": "^1.0.0" } },
    {
      "index.js":
        'import { hello } from "@acme/words"\nexport const greet = (name) => [hello, name].join(" ")'
    }
  )
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

const run = (readme: string) => {
  writeFileSync(join(directory, "greet/README.md"), readme)
  return runReadme({ directory: join(directory, "greet"), tarball, beside })
}

describe("runReadme", () => {
  it("installs the tarball with those beside it, and gives what the example prints", () => {
    const readme = block(
      'import { greet } from "@acme/greet"',
      'const name: string = "troupe"',
      "console.log(greet(name))"
    )
    assert.strictEqual(run(readme), "hello troupe")
  })

  for (const [what, readme, message] of [
    ["a README without an example", "# greet\n```sh\nls\n```\n", /has no example/],
    ["an example that prints nothing", block('import "@acme/greet"'), /prints nothing/],
    ["an example that fails", block('console.log("so far")', "process.exit(3)"), /ended with 3:\nso far/],
    ["an example that needs what is not installed", block('import "vitest"'), /Cannot find package 'vitest'/]
  ] as const) {
    it(`rejects ${what}`, () => {
      assert.throws(() => run(readme), message)
    })
  }

  it("rejects a tarball whose dependency is not to be had", () => {
    const broken = pack(
      "broken",
      { name: "@acme/broken", dependencies: { "@acme/words": "file:nowhere.tgz" } },
      {
        "README.md": block("console.log(1)")
      }
    )
    const packed = { directory: join(directory, "broken"), tarball: broken, beside: new Map() }
    assert.throws(() => runReadme(packed), /does not install/)
  })
})

describe("firstExample", () => {
  it("is the first ts or js block, whatever stands before it", () => {
    assert.strictEqual(firstExample("```sh\nnpm\n```\n\n```js\none\n```\n```ts\ntwo\n```\n"), "one\n")
    assert.strictEqual(firstExample("text\r\n```ts\r\none\r\n```\r\n"), "one\n")
    assert.isUndefined(firstExample("```json\n{}\n```\n"))
  })
})
