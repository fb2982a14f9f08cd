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

const sources = join(import.meta.dirname, "../web")

/** Where the built page lies. */
export const root = join(sources, "dist")

const modifiedMillis = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

const isCurrent = () => {
  const built = modifiedMillis(join(root, "index.html"))
  const files = readdirSync(sources, { withFileTypes: true }).filter((entry) => entry.isFile())
  return files.every(({ name }) => modifiedMillis(join(sources, name)) <= built)
}

/** Builds the page when it was never built or its sources are newer: half a second, once. */
export const build: Effect.Effect<void, PageBroken> = Effect.suspend(() =>
  isCurrent()
    ? Effect.void
    : Effect.tryPromise({
        try: async () => {
          const vite = await import("vite")
          await vite.build({ root: sources, logLevel: "silent" })
        },
        catch: (cause) => new PageBroken({ cause })
      })
)
