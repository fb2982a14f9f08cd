import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"

/** A directory for as long as the scope is open. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "troupe-example-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)
