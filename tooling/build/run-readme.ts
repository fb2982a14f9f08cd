import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { firstExample } from "./first-example.ts"

/** A package and its tarball, as they come out of `pnpm pack`. */
export interface Packed {
  /** The package's directory, for its manifest and README. */
  readonly directory: string
  readonly tarball: string
  /** Tarballs of its dependencies that are on no registry yet, by name. */
  readonly beside: ReadonlyMap<string, string>
  /** Environment variables for the example, beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>
}

/**
 * Installs a tarball with npm into an empty project, beside Effect and nothing else, and runs the first example of the
 * package's README there. Gives what the example prints; throws when there is no example, when it fails, and when it
 * prints nothing.
 */
export const runReadme = ({ beside, directory, environment, tarball }: Packed): string => {
  const { name, peerDependencies } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
  const example = firstExample(readFileSync(join(directory, "README.md"), "utf8"))
  if (example === undefined) {
    throw new Error(`The README of ${name} has no example: give it a \`\`\`ts block that runs.`)
  }
  const file = (path: string) => `file:${path}`
  const project = mkdtempSync(join(tmpdir(), "readme-"))
  try {
    const manifest = {
      private: true,
      type: "module",
      dependencies: { [name]: file(tarball), effect: peerDependencies?.effect },
      overrides: Object.fromEntries(Array.from(beside, ([other, path]) => [other, file(path)]))
    }
    writeFileSync(join(project, "package.json"), JSON.stringify(manifest))
    writeFileSync(join(project, "example.ts"), example)
    const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    const install = spawnSync("npm", ["install", ...flags], { cwd: project, encoding: "utf8" })
    if (install.status !== 0) {
      throw new Error(`The tarball of ${name} does not install:\n${install.stdout}${install.stderr}`)
    }
    const { signal, status, stderr, stdout } = spawnSync(process.execPath, ["example.ts"], {
      cwd: project,
      encoding: "utf8",
      env: { ...process.env, ...environment },
      timeout: 60_000
    })
    if (status !== 0) {
      throw new Error(`The README's example of ${name} ended with ${signal ?? status}:\n${stdout}${stderr}`)
    }
    if (stdout.trim() === "") throw new Error(`The README's example of ${name} prints nothing.`)
    return stdout.trimEnd()
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
}
