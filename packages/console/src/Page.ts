import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The page cannot be built from its sources. */
export class PageBroken extends Schema.TaggedError<PageBroken>()("PageBroken", { cause: Schema.Defect() }) {
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `The page cannot be built: ${why}. Run \`pnpm install\` in the workspace and try again.`
  }
}

/** Where the built page of these sources lies. */
export const builtAt = (sources: string): string => join(sources, "dist")

const modifiedMillis = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

const isCurrent = (sources: string) => {
  const built = modifiedMillis(join(builtAt(sources), "index.html"))
  const files = readdirSync(sources, { withFileTypes: true }).filter((entry) => entry.isFile())
  return files.every(({ name }) => modifiedMillis(join(sources, name)) <= built)
}

/** Builds a page when it was never built or its sources are newer: half a second, once. */
export const build = (sources: string): Effect.Effect<void, PageBroken> =>
  Effect.suspend(() =>
    isCurrent(sources)
      ? Effect.void
      : Effect.tryPromise({
          try: async () => {
            const vite = await import("vite")
            await vite.build({ root: sources, logLevel: "silent" })
          },
          catch: (cause) => new PageBroken({ cause })
        })
  )
