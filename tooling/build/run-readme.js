import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { firstExample } from "./first-example.js"
import { tarballPath, workspaceDependencies } from "./tarballs.js"

/**
 * Installs the tarball of the package in `directory` with npm into an empty project, beside Effect and nothing else,
 * and runs the first example of its README there. Gives what the example prints; throws when it prints nothing.
 */
export const runReadme = (directory) => {
  const { name, peerDependencies } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
  const example = firstExample(readFileSync(join(directory, "README.md"), "utf8"))
  if (example === undefined)
    throw new Error(`The README of ${name} has no example: give it a \`\`\`ts block that runs.`)
  const tarball = (dependency) => `file:${tarballPath(dependency)}`
  const project = mkdtempSync(join(tmpdir(), "readme-"))
  try {
    writeFileSync(
      join(project, "package.json"),
      JSON.stringify({
        private: true,
        type: "module",
        dependencies: { [name]: tarball(name), effect: peerDependencies.effect },
        // The other packages of this version are on no registry yet.
        overrides: Object.fromEntries(workspaceDependencies(name).map((other) => [other, tarball(other)]))
      })
    )
    writeFileSync(join(project, "example.ts"), example)
    const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    const install = spawnSync("npm", ["install", ...flags], { cwd: project, encoding: "utf8" })
    if (install.status !== 0) throw new Error(`The tarball of ${name} does not install:\n${install.stderr}`)
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["example.ts"], {
      cwd: project,
      encoding: "utf8",
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
