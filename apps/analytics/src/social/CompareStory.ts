import { execFile } from "node:child_process"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { CompareShown } from "./CompareShown.ts"
import { CompareReport } from "./compare/CompareReport.ts"
import * as LinesOfCode from "./LinesOfCode.ts"

const firstOfEach = 3
const firstOfAny = 20
/** All disagreements of 50 000 records are some 6 MB. */
const outputBytesMax = 128 * 1024 * 1024

/** The comparison did not come to its end. */
export class CompareFailed extends Schema.TaggedError<CompareFailed>()("CompareFailed", {
  detail: Schema.String
}) {
  override get message() {
    return `The comparison failed: ${this.detail}`
  }
}

/** This app's `compare`, in a process of its own: what it costs is not mixed with what else the app does. Ends with the effect. */
const compareApart = (options: { readonly seed: number; readonly events: number }) =>
  Effect.callback<string, CompareFailed>((resume) => {
    const main = `${import.meta.dirname}/../main.ts`
    const { events, seed } = options
    const flags = ["compare", "--json", "--broker", "memory", "--seed", `${seed}`, "--events", `${events}`]
    const child = execFile(
      process.execPath,
      [...process.execArgv, main, ...flags],
      { maxBuffer: outputBytesMax },
      (error, stdout, stderr) =>
        resume(
          error === null
            ? Effect.succeed(stdout)
            : Effect.fail(new CompareFailed({ detail: stderr.trim().split("\n").at(-1) || error.message }))
        )
    )
    return Effect.sync(() => child.kill("SIGTERM"))
  })

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(CompareReport))

/** Compares on the memory broker, in a directory that goes with it. */
export const run = Effect.fn("CompareStory.run")(function* (options: {
  readonly seed: number
  readonly events: number
}) {
  const text = yield* compareApart(options)
  const { kappa, lambda, ...report } = yield* Effect.orDie(decode(text))
  const shown: Record<string, number> = {}
  const first = lambda.naive.disagreements.filter(({ wiring }) => {
    shown[wiring] = (shown[wiring] ?? 0) + 1
    return shown[wiring] <= firstOfEach
  })
  const short = <A>(all: ReadonlyArray<A>) => ({ count: all.length, first: all.slice(0, firstOfAny) })
  return {
    ...report,
    lambda: {
      batchRuns: lambda.batchRuns,
      naive: { wirings: lambda.naive.wirings, first },
      corrected: short(lambda.corrected.disagreements)
    },
    kappa: short(kappa.disagreements),
    linesOfCode: yield* LinesOfCode.ofSources
  } satisfies CompareShown
})
