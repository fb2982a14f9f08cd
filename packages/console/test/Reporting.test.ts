import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Console from "effect/Console"
import { Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import { reporting } from "../src/index.ts"

const app = Command.make("app").pipe(
  Command.withSubcommands([
    Command.make(
      "count",
      { to: Flag.Int("to") },
      Effect.fnUntraced(function* ({ to }) {
        yield* Console.log(to)
      })
    )
  ])
)

/** What the app prints, and its exit code. */
const run = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const printed = { out: [] as Array<unknown>, err: [] as Array<unknown>, code: 0 }
    const console: Console.Console = Object.assign(Object.create(globalThis.console), {
      log: (...said: ReadonlyArray<unknown>) => printed.out.push(...said),
      error: (...said: ReadonlyArray<unknown>) => printed.err.push(...said)
    })
    const before = process.exitCode
    process.exitCode = 0
    yield* Command.runWith(app, { version: "1" })(args).pipe(
      reporting,
      Effect.provideService(Console.Console, console),
      Effect.provide(NodeServices.layer)
    )
    printed.code = Number(process.exitCode)
    process.exitCode = before
    return printed
  })

describe("an app's report of what went wrong", () => {
  it.effect("keeps standard output for results: a flag that cannot be is named on standard error", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run("count", "--to", "3"), { out: [3], err: [], code: 0 })
      const refused = yield* run("count", "--to", "many")
      assert.deepStrictEqual([refused.out, refused.code], [[], 1])
      assert.match(refused.err.join(), /--to.*"many".*\nSee app count --help\.$/)
      const unknown = yield* run("discount")
      assert.deepStrictEqual([unknown.out, unknown.code], [[], 1])
      assert.match(unknown.err.join(), /discount/)
      const help = yield* run("count", "--help")
      assert.match(help.out.join(), /USAGE/)
      assert.strictEqual(help.code, 0)
    })
  )
})
