import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** The workspace's root. */
export const root = join(import.meta.dirname, "../..")

/** A member of this workspace, as its package.json and turbo.json describe it. */
export interface Member {
  /** Relative to the root. */
  readonly directory: string
  readonly name: string
  readonly private: boolean
  readonly scripts: Readonly<Record<string, string>>
  readonly tags: ReadonlyArray<string>
}

const json = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"))

/** Every member of this workspace. */
export const members = (): ReadonlyArray<Member> =>
  globSync(["{apps,packages,tooling}/*/package.json", "examples/package.json"], { cwd: root }).map((path) => {
    const directory = dirname(path)
    const manifest = json(path)
    const turbo = join(directory, "turbo.json")
    return {
      directory,
      name: manifest.name,
      private: manifest.private ?? false,
      scripts: manifest.scripts ?? {},
      tags: existsSync(join(root, turbo)) ? json(turbo).tags : []
    }
  })
