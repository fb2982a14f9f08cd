// Writes the golden files of the present format version: node --conditions=@troupe/source test/golden/make.ts
import { mkdirSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { formatMajor, formatMinor } from "../../src/log/SegmentHeader.ts"
import { writeCompactedGoldenLog, writeGoldenLog } from "./golden-log.ts"

const folder = fileURLToPath(new URL(`version-${formatMajor}.${formatMinor}/`, import.meta.url))
mkdirSync(folder, { recursive: true })
const files = await Effect.runPromise(
  Effect.provide(Effect.scoped(writeCompactedGoldenLog(writeGoldenLog())), TestClock.layer())
)
for (const [path, bytes] of files) writeFileSync(`${folder}${basename(path)}`, bytes)
