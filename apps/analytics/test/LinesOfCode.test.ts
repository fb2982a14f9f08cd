import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as LinesOfCode from "../src/social/LinesOfCode.ts"

describe("lines of code", () => {
  it("are lines that hold more than blanks and comments", () => {
    const source = [
      "/** A comment.",
      " * `code();`",
      " */",
      "const a = 1 // one",
      "",
      "  // none",
      "/* none */",
      "/* x */ const b = 2",
      'const c = "/* no comment"',
      "/* begins",
      "ends */ const d = 3",
      "   "
    ]
    assert.strictEqual(LinesOfCode.count(source.join("\n")), 4)
  })

  it.effect("are counted in the sources as they are: no file is on two lists, none is empty", () =>
    Effect.gen(function* () {
      const { both, kappa, lambda } = yield* LinesOfCode.ofSources
      const files = [...both.files, ...kappa.files, ...lambda.files]
      assert.strictEqual(new Set(files.map(({ name }) => name)).size, files.length)
      assert.isTrue(files.every(({ lines }) => lines > 0))
      for (const side of [both, kappa, lambda]) {
        assert.strictEqual(
          side.lines,
          side.files.reduce((sum, { lines }) => sum + lines, 0)
        )
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
