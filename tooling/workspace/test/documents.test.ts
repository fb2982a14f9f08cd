import { spawnSync } from "node:child_process"
import { existsSync, lstatSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "vitest"
import { members, root } from "../members.ts"

/** The files that belong to the workspace: tracked, or new and not ignored. */
const files = (): ReadonlyArray<string> => {
  const git = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8"
  })
  assert.strictEqual(git.status, 0, git.stderr)
  return git.stdout.split("\0").filter((file) => file !== "" && existsSync(join(root, file)))
}

const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** A Markdown document without its code blocks, in which brackets mean other things. */
const prose = (markdown: string): string =>
  markdown.replaceAll(/^```.*?^```/gms, "").replaceAll(/`[^`\n]*`/g, "")

/** The anchor that a heading gets on the usual hosts: lower case, words joined by hyphens. */
const anchor = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-")

const anchors = (file: string): ReadonlyArray<string> =>
  Array.from(read(file).matchAll(/^#+ (.*)$/gm), ([, heading = ""]) => anchor(heading))

const brokenLinks = (file: string): ReadonlyArray<string> =>
  Array.from(prose(read(file)).matchAll(/\]\(([^)\s]+)\)/g), ([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path = "", fragment] = link.split("#")
      const target = path === "" ? file : join(dirname(file), path)
      if (!existsSync(join(root, target))) return true
      return fragment !== undefined && !anchors(target).includes(fragment)
    })
    .map((link) => `${file}: ${link}`)

/** A command as documents write it: in a code span, or at the beginning of a line of a code block. */
const commands = /(?:^|`)\s*(?:npm run(?: --silent)?|pnpm) ([a-z][a-z:]*)/gm

const documents = files().filter((file) => file.endsWith(".md"))

describe("documents", () => {
  it("link to what is there", () => {
    assert.isAbove(documents.length, 0)
    assert.deepStrictEqual(documents.flatMap(brokenLinks), [])
  })

  it("name commands that exist", () => {
    const scripts = JSON.parse(read("package.json")).scripts
    const builtIn = /^(install|exec|pack|publish|add|ci|i)$/
    const unknown = documents.flatMap((file) =>
      Array.from(read(file).matchAll(commands), ([, name = ""]) => name)
        .filter((name) => !(name in scripts) && !builtIn.test(name))
        .map((name) => `${file}: ${name}`)
    )
    assert.deepStrictEqual(unknown, [])
  })

  it("name tests that exist", () => {
    const named = Array.from(
      read("docs/guarantees.md").matchAll(/\]\(\.\.\/([^)]+)\): _(.+)_ \|$/gm),
      ([, file = "", test = ""]) => ({ file, test })
    )
    assert.isAbove(named.length, 0)
    assert.strictEqual(named.length, read("docs/guarantees.md").match(/^\| (?!guarantee|---)/gm)?.length)
    const missing = named.filter(
      ({ file, test }) => !existsSync(join(root, file)) || !read(file).includes(test)
    )
    assert.deepStrictEqual(missing, [])
  })

  it("are there for every package: a README with an example that verify runs", () => {
    const published = members().filter((member) => !member.private)
    assert.isAbove(published.length, 0)
    for (const { directory, scripts } of published) {
      assert.include(documents, `${directory}/README.md`)
      assert.strictEqual(scripts["pack"], "pack-package", `${directory} proves its tarball`)
    }
  })
})

describe("tracked files", () => {
  const texts = files().filter(
    (file) => lstatSync(join(root, file)).isFile() && !/\.(gz|png|ico|bin)$/.test(file)
  )

  const matches = (pattern: RegExp, candidates = texts): ReadonlyArray<string> =>
    candidates.flatMap((file) => Array.from(read(file).matchAll(pattern), ([match]) => `${file}: ${match}`))

  it("name no directory of somebody's machine", () => {
    assert.deepStrictEqual(matches(/(?<![\w.~$}*-])\/(?:home|Users|root|work|tmp\/[a-z]+)\/[\w.-]+/g), [])
  })

  it("name no package registry: where packages come from is the machine's business", () => {
    // Spelled so that this file does not match itself.
    assert.deepStrictEqual(
      matches(/registry[.]npmjs[.]org|registry[.]yarnpkg[.]com|npm[.]pkg[.]github[.]com/g),
      []
    )
    assert.deepStrictEqual(matches(/tarball: https?:\S+/g, ["pnpm-lock.yaml"]), [])
    assert.notInclude(files(), ".npmrc")
  })
})
