import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import type { Reporter, TestModule } from "vitest/node"
import { tally, tallyFile } from "./tally.ts"

/** Leaves the tally of a package's run beside the package, for the sum over the workspace. */
export default class TallyFile implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    mkdirSync(dirname(tallyFile), { recursive: true })
    writeFileSync(tallyFile, JSON.stringify(tally(modules)))
  }
}
