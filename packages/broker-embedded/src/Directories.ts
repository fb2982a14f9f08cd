/** The few things done to directories and small files beside the logs. Synchronous; throws what `node:fs` throws. */
import * as fs from "node:fs"
import * as path from "node:path"

const syncDirectory = (directory: string): void => {
  // Windows cannot open a directory; its file systems journal names by themselves.
  if (process.platform === "win32") return
  const handle = fs.openSync(directory, "r")
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

/** Makes a directory and what is missing above it. */
export const makeDirectory = (directory: string): void => {
  if (fs.mkdirSync(directory, { recursive: true }) !== undefined) syncDirectory(path.dirname(directory))
}

/** Names of the directories in a directory, without what `removeDirectory` left over; none when it is not there. */
export const subdirectories = (directory: string): ReadonlyArray<string> => {
  if (!fs.existsSync(directory)) return []
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name)
}

/** Removes a directory: at once under its name, then what was in it. A crash leaves it whole or without a name. */
export const removeDirectory = (directory: string): void => {
  if (!fs.existsSync(directory)) return
  const parent = path.dirname(directory)
  const aside = path.join(parent, `.removed-${path.basename(directory)}-${crypto.randomUUID()}`)
  fs.renameSync(directory, aside)
  syncDirectory(parent)
  fs.rmSync(aside, { recursive: true, force: true })
}

/** Finishes removals that a crash left in the middle. */
export const sweepRemoved = (directory: string): void => {
  if (!fs.existsSync(directory)) return
  for (const name of fs.readdirSync(directory)) {
    if (name.startsWith(".removed-")) fs.rmSync(path.join(directory, name), { recursive: true, force: true })
  }
}

/** A small file says what nobody wrote there. */
export class DamagedFile extends Error {
  constructor(file: string, what: string) {
    super(`${file} ${what}`)
    this.name = "DamagedFile"
  }
}

/** The value in a JSON file; `undefined` when there is no file. */
export const readJson = (file: string): unknown => {
  if (!fs.existsSync(file)) return undefined
  const content = fs.readFileSync(file, "utf8")
  try {
    return JSON.parse(content)
  } catch {
    throw new DamagedFile(file, "is not JSON: it was damaged or edited. Restore it from a backup")
  }
}

/** Puts a JSON file there, whole or not at all, and durable. */
export const writeJson = (file: string, value: unknown): void => {
  const aside = `${file}.tmp`
  const handle = fs.openSync(aside, "w")
  try {
    fs.writeSync(handle, `${JSON.stringify(value, null, 2)}\n`)
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
  fs.renameSync(aside, file)
  syncDirectory(path.dirname(file))
}
