import { readFileSync } from "node:fs"
import { join } from "node:path"

const packages = join(import.meta.dirname, "../../packages")
const scope = "@troupe/"

/** Where `pack-package` puts the tarball of a package of this workspace. */
export const tarballPath = (name: string): string => {
  const folder = name.slice(scope.length)
  return join(packages, folder, ".pack", `${folder}.tgz`)
}

/** The tarballs of the packages of this workspace that a package needs at run time, by name; its own is not among them. */
export const neededTarballs = (
  name: string,
  found = new Map<string, string>()
): ReadonlyMap<string, string> => {
  const manifest = JSON.parse(readFileSync(join(packages, name.slice(scope.length), "package.json"), "utf8"))
  for (const dependency of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    if (!dependency.startsWith(scope) || found.has(dependency)) continue
    found.set(dependency, tarballPath(dependency))
    neededTarballs(dependency, found)
  }
  return found
}
