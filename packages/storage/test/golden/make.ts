// Writes the golden files of the version the code has now. Run it once, when a version is new:
//   node --conditions=@troupe/source test/golden/make.ts
import { mkdirSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { formatMajor, formatMinor } from "../../src/log/SegmentHeader.ts"
import { writeGoldenLog } from "./golden-log.ts"

const folder = new URL(`./version-${formatMajor}.${formatMinor}/`, import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [path, bytes] of writeGoldenLog()) writeFileSync(new URL(basename(path), folder), bytes)
