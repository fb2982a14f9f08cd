import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** The run's directory cannot be made or written. */
export class DirectoryUnusable extends Schema.TaggedError<DirectoryUnusable>()("DirectoryUnusable", {
  directory: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `Cannot use ${this.directory} for this run: ${this.detail}. Give another one with --data DIR.`
  }
}

/** Where a run keeps its files. */
export interface RunDirectory {
  readonly path: string
  /** False for one that was made for this run alone and goes with it. */
  readonly isKept: boolean
}

/** A path as the user typed it, from the folder the user stands in (npm and pnpm change folders; `INIT_CWD` keeps it). */
export const fromUser = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<string, Config.ConfigError, Path.Path> {
  const paths = yield* Path.Path
  const folder = yield* Config.option(Config.String("INIT_CWD"))
  return Option.isSome(folder) ? paths.resolve(folder.value, path) : paths.resolve(path)
})

/** Where an app that stays up keeps its files unless somebody says otherwise. */
export const homeOf = (app: string) => fromUser(`.troupe/${app}`)

/**
 * The directory of one run.
 *
 * With `data` it is that one, made when it is not there, and kept: a second run goes on where the first stopped.
 * Without, `keeps` decides: `.troupe/<app>` for an app that stays up, else a new one that is removed at the end.
 */
export const acquire = Effect.fnUntraced(function* (options: {
  readonly app: string
  readonly data: Option.Option<string>
  readonly keeps: boolean
}): Effect.fn.Return<
  RunDirectory,
  DirectoryUnusable | Config.ConfigError,
  FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  const files = yield* FileSystem.FileSystem
  const unusable = (directory: string) => (error: PlatformError) =>
    Effect.fail(new DirectoryUnusable({ directory, detail: error.message }))

  const make = (directory: string) =>
    files
      .makeDirectory(directory, { recursive: true })
      .pipe(Effect.as(directory), Effect.catch(unusable(directory)))

  if (Option.isSome(options.data)) {
    return { path: yield* make(yield* fromUser(options.data.value)), isKept: true }
  }
  const home = yield* homeOf(options.app)
  if (options.keeps) return { path: yield* make(home), isKept: true }
  return yield* Effect.acquireRelease(
    Effect.gen(function* () {
      const letters = (yield* Random.nextIntBetween(0, 2 ** 31 - 1)).toString(36)
      return { path: yield* make(`${home}/once-${process.pid}-${letters}`), isKept: false }
    }),
    ({ path }) => Effect.ignore(files.remove(path, { recursive: true }))
  )
})

/** `acquire`, for a run that must begin with nothing: refuses a directory of the user's that is not empty. */
export const acquireEmpty = Effect.fnUntraced(function* (options: {
  readonly app: string
  readonly data: Option.Option<string>
}) {
  const directory = yield* acquire({ ...options, keeps: false })
  const files = yield* FileSystem.FileSystem
  const unusable = (detail: string) => new DirectoryUnusable({ directory: directory.path, detail })
  const held = yield* Effect.mapError(files.readDirectory(directory.path), ({ message }) => unusable(message))
  if (held.length > 0) return yield* unusable("it is not empty, and this run begins with nothing")
  return directory
})
