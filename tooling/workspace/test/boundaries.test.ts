import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { members, root } from "../members.ts"

/** A member of a small workspace that lives under this workspace's own rules. */
interface Member {
  readonly name: string
  readonly tag: string
  /** A member that it depends on and imports by name. */
  readonly imports?: string
  /** A member whose files it imports by their path. */
  readonly reaches?: string
}

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "boundaries-"))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const write = (path: string, content: unknown) =>
  writeFileSync(join(directory, path), typeof content === "string" ? content : JSON.stringify(content))

const turboBoundaries = (cwd: string) => {
  const turbo = spawnSync(join(root, "node_modules/.bin/turbo"), ["boundaries"], { cwd, encoding: "utf8" })
  return { status: turbo.status, output: turbo.stdout + turbo.stderr }
}

/** Lays out the members with this workspace's turbo.json and asks turbo whether they keep to the floors. */
const boundaries = (...workspace: ReadonlyArray<Member>) => {
  cpSync(join(root, "turbo.json"), join(directory, "turbo.json"))
  write("package.json", { name: "small", private: true, packageManager: "pnpm@12.21.0" })
  write("pnpm-workspace.yaml", 'packages: ["*"]\n')
  write("pnpm-lock.yaml", "lockfileVersion: '9.0'\n")
  for (const { name, tag, imports, reaches } of workspace) {
    mkdirSync(join(directory, name, "node_modules"), { recursive: true })
    const dependencies = imports === undefined ? {} : { [imports]: "workspace:*" }
    write(`${name}/package.json`, { name, type: "module", main: "index.ts", dependencies })
    write(`${name}/turbo.json`, { extends: ["//"], tags: [tag] })
    const module = imports ?? (reaches === undefined ? undefined : `../${reaches}/index.ts`)
    write(`${name}/index.ts`, module === undefined ? "export {}\n" : `export * from "${module}"\n`)
    if (imports !== undefined)
      symlinkSync(join(directory, imports), join(directory, name, "node_modules", imports))
  }
  spawnSync("git", ["init", "--quiet"], { cwd: directory })
  return turboBoundaries(directory)
}

describe("turbo boundaries", () => {
  it("lets a package import a lower floor", () => {
    const { status, output } = boundaries(
      { name: "broker", tag: "floor:0" },
      { name: "storage", tag: "floor:1", imports: "broker" }
    )
    assert.strictEqual(status, 0, output)
    assert.match(output, /no issues found/)
  })

  for (const [what, importer, imported] of [
    ["a higher floor", "floor:0", "floor:1"],
    ["its own floor", "floor:2", "floor:2"],
    ["an app", "floor:4", "floor:5"],
    ["a page's parts", "floor:3", "web"]
  ] as const) {
    it(`rejects a package that imports ${what}`, () => {
      const { status, output } = boundaries(
        { name: "one", tag: importer, imports: "other" },
        { name: "other", tag: imported }
      )
      assert.notStrictEqual(status, 0, output)
      assert.include(output, importer)
      assert.include(output, "other")
    })
  }

  it("rejects a package that reaches into the folder of another", () => {
    const { status, output } = boundaries(
      { name: "storage", tag: "floor:1" },
      { name: "broker", tag: "floor:0", reaches: "storage" }
    )
    assert.notStrictEqual(status, 0, output)
  })

  it("rejects an app that imports an app", () => {
    const { status, output } = boundaries(
      { name: "orders", tag: "floor:5", imports: "analytics" },
      { name: "analytics", tag: "floor:5" }
    )
    assert.notStrictEqual(status, 0, output)
  })
})

describe("the floors", () => {
  it("are kept by this workspace", () => {
    const { status, output } = turboBoundaries(root)
    assert.strictEqual(status, 0, output)
  })

  it("are given to every member: what has no floor has no rule", () => {
    const rules = /^(floor:[0-5]|web|tooling)$/
    const unruled = members().filter(({ tags }) => tags.filter((tag) => rules.test(tag)).length !== 1)
    assert.deepStrictEqual(
      unruled.map(({ name }) => name),
      []
    )
  })
})
