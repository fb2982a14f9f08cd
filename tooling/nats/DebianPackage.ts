import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

/** Where a Debian system gets its packages from, as its own configuration says. */
export interface DebianSource {
  readonly uri: string
  readonly signedBy: string | undefined
}

/**
 * Finds the mirror (and keyring) that the system itself uses for `codename`, in the text of its apt sources:
 * deb822 stanzas (`*.sources`) and one-line entries (`sources.list`, `*.list`).
 */
export const sourceOf = (codename: string, texts: ReadonlyArray<string>): DebianSource | undefined => {
  for (const text of texts) {
    for (const stanza of text.split(/\n\s*\n/)) {
      const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.+)$`, "im").exec(stanza)?.[1]?.trim()
      const uri = field("URIs")?.split(/\s+/)[0]
      const suites = field("Suites")?.split(/\s+/) ?? []
      const components = field("Components")?.split(/\s+/) ?? []
      if (uri !== undefined && suites.includes(codename) && components.includes("main")) {
        return { uri, signedBy: field("Signed-By") }
      }
    }
    for (const line of text.split("\n")) {
      const entry = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line.trim())
      if (entry?.[2] === undefined || entry[3] !== codename || !/\bmain\b/.test(entry[4] ?? "")) continue
      return { uri: entry[2], signedBy: /signed-by=(\S+)/.exec(entry[1] ?? "")?.[1] }
    }
  }
  return undefined
}

const systemSource = async (): Promise<DebianSource> => {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "")
  const value = (key: string) => new RegExp(`^${key}="?([^"\\n]*)"?$`, "m").exec(release)?.[1]
  if (value("ID") !== "debian")
    throw new Error("this system is not Debian, so its package cannot be fetched.")
  const folder = "/etc/apt/sources.list.d"
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(sources|list)$/.test(name))
  const paths = [...names.map((name) => join(folder, name)), "/etc/apt/sources.list"]
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8").catch(() => "")))
  const source = sourceOf(value("VERSION_CODENAME") ?? "", texts)
  if (source === undefined) throw new Error("the system's apt sources name no Debian mirror.")
  return source
}

/** Fetches that were killed leave their folder; an hour later nobody is using it any more. */
const removeAbandoned = async (directory: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    if (!name.startsWith("fetch-")) continue
    const { mtimeMs } = await stat(join(directory, name))
    if (performance.timeOrigin + performance.now() - mtimeMs > 3_600_000) {
      await rm(join(directory, name), { recursive: true, force: true })
    }
  }
}

/**
 * Fetches the `nats-server` package of a Debian suite (`sid` is unstable) with the system's own apt client and puts its program at
 * `<directory>/nats-server`. apt verifies the signature of the index and the hash of the package.
 *
 * Everything apt writes (lists, cache, status) is private to one folder in `directory`, which is removed again; no
 * system state changes and no root is needed. Two fetches at once are safe: the program appears by an atomic rename.
 */
export const fetchInto = async (
  directory: string,
  signal: AbortSignal,
  suite: "sid" | "bookworm"
): Promise<void> => {
  const source = await systemSource()
  await mkdir(directory, { recursive: true })
  await removeAbandoned(directory)
  const folder = await mkdtemp(join(directory, "fetch-"))
  try {
    await Promise.all(
      ["sources", "lists/partial", "cache/archives/partial", "package"].map((name) =>
        mkdir(join(folder, name), { recursive: true })
      )
    )
    await writeFile(join(folder, "status"), "")
    const stanza = ["Types: deb", `URIs: ${source.uri}`, `Suites: ${suite}`, "Components: main"]
    if (source.signedBy !== undefined) stanza.push(`Signed-By: ${source.signedBy}`)
    await writeFile(join(folder, "sources/debian.sources"), `${stanza.join("\n")}\n`)
    const settings = [
      "Dir::Etc::SourceList=/dev/null",
      `Dir::Etc::SourceParts=${join(folder, "sources")}`,
      `Dir::State::Lists=${join(folder, "lists")}`,
      `Dir::Cache=${join(folder, "cache")}`,
      `Dir::State::status=${join(folder, "status")}`,
      "APT::Sandbox::User=root",
      "Acquire::Languages=none",
      "Acquire::Retries=2"
    ].flatMap((setting) => ["-o", setting])
    const options = { cwd: folder, signal, timeout: 120_000 }
    await run("apt-get", [...settings, "--error-on=any", "update"], options)
    await run("apt-get", [...settings, "download", "nats-server"], options)
    const packages = (await readdir(folder)).filter((name) => name.endsWith(".deb"))
    if (packages[0] === undefined) throw new Error("apt downloaded no package.")
    await run("dpkg", ["-x", packages[0], "package"], options)
    await rename(join(folder, "package/usr/sbin/nats-server"), join(directory, "nats-server"))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
