import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { LinesOfCode } from "./CompareShown.ts"

/**
 * This app's own files that only one of the two needs, and those that both do. The packages under them are not counted: they hold more than is
 * used here. `QuestionSql` is in Lambda's list, though one query of it serves the proof of Kappa too.
 */
const files = {
  lambda: ["Questions", "QuestionSql", "compare/LiveLambda"],
  kappa: ["Preprocess", "Aggregate", "Pipeline"],
  both: ["SocialEvent", "RawTopic", "Edition", "Lateness", "Calendar", "Tally", "Answers"]
} as const

/** Lines of a TypeScript source that hold more than blanks and comments. */
export const count = (source: string): number => {
  let lines = 0
  let isComment = false
  for (const line of source.split("\n")) {
    let rest = line.trim()
    if (isComment) {
      const end = rest.indexOf("*/")
      if (end < 0) continue
      isComment = false
      rest = rest.slice(end + 2).trim()
    }
    while (rest.startsWith("/*")) {
      const end = rest.indexOf("*/", 2)
      isComment = end < 0
      rest = end < 0 ? "" : rest.slice(end + 2).trim()
    }
    if (rest !== "" && !rest.startsWith("//")) lines += 1
  }
  return lines
}

/** Counts the sources as they are now. */
export const ofSources = Effect.gen(function* () {
  const system = yield* FileSystem.FileSystem
  const counted = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
    const each = yield* Effect.forEach(names, (name) =>
      Effect.map(system.readFileString(`${import.meta.dirname}/${name}.ts`), (source) => ({
        name: `${name}.ts`,
        lines: count(source)
      }))
    )
    return { lines: each.reduce((sum, { lines }) => sum + lines, 0), files: each }
  })
  return {
    lambda: yield* counted(files.lambda),
    kappa: yield* counted(files.kappa),
    both: yield* counted(files.both)
  } satisfies LinesOfCode
})
