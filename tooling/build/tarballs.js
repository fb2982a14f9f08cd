import { readFileSync } from "node:fs"
import { join } from "node:path"

const packages = join(import.meta.dirname, "../../packages")
const scope = "@troupe/"

/** Where `pack-package` puts the tarball of a package of this workspace. */
export const tarballPath = (name) => {
  const folder = name.slice(scope.length)
  return join(packages, folder, ".pack", `${folder}.tgz`)
}

/** The packages of this workspace that a package needs at run time, itself not among them. */
export const workspaceDependencies = (name, seen = new Set()) => {
  const manifest = JSON.parse(readFileSync(join(packages, name.slice(scope.length), "package.json"), "utf8"))
  const needed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  for (const dependency of needed) {
    if (!dependency.startsWith(scope) || seen.has(dependency)) continue
    seen.add(dependency)
    workspaceDependencies(dependency, seen)
  }
  return [...seen]
}
