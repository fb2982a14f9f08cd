import type { TestModule } from "vitest/node"

/** How many tests of a run ended how. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Where a package's own run leaves its tally, from the package's directory: turbo keeps it with the result. */
export const tallyFile = ".vitest/tally.json"

/** Counts the tests of a run. A file that fails outside its tests (an import, a hook) counts as one failed test. */
export const tally = (modules: ReadonlyArray<TestModule>): Tally => {
  const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
  for (const module of modules) {
    const states = Array.from(module.children.allTests(), (test) => test.result().state)
    for (const state of states) count[state]++
    if (module.state() === "failed" && !states.includes("failed")) count.failed++
  }
  // A test that never came to an end has not passed: the run was cut short.
  return { passed: count.passed, failed: count.failed + count.pending, skipped: count.skipped }
}

/** The sum of several runs. */
export const sum = (tallies: ReadonlyArray<Tally>): Tally =>
  tallies.reduce(
    (left, right) => ({
      passed: left.passed + right.passed,
      failed: left.failed + right.failed,
      skipped: left.skipped + right.skipped
    }),
    { passed: 0, failed: 0, skipped: 0 }
  )

/** The line a run ends with. */
export const line = ({ passed, failed, skipped }: Tally): string =>
  `Tests: ${passed} passed, ${failed} failed, ${skipped} skipped`
