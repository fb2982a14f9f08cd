import { execFile } from "node:child_process"
import { delimiter, join } from "node:path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { fetchInto } from "./DebianPackage.ts"
import { NatsServerMissing } from "./NatsServerError.ts"

/** A nats-server program on this machine. */
export interface NatsBinary {
  readonly path: string
  /** `major.minor.patch`, at least 2.14. */
  readonly version: string
}

/** The project's own cache; nothing outside it is written. */
const projectCache = join(import.meta.dirname, "../../.cache/nats")

/** What `path -v` says; none when there is no such program. */
const versionOf = (path: string): Effect.Effect<Option.Option<string>> =>
  Effect.callback((resume) => {
    execFile(path, ["-v"], { timeout: 10_000 }, (_error, stdout) => {
      resume(Effect.succeed(Option.fromNullishOr(/v?(\d+\.\d+\.\d+)/.exec(String(stdout))?.[1])))
    })
  })

/** True from 2.14 on: the oldest release that upstream still mends, and the first with all that Troupe uses. */
export const isRecentEnough = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major > 2 || (major === 2 && minor >= 14)
}

const usable = Effect.fnUntraced(function* (path: string) {
  const version = yield* versionOf(path)
  return Option.filter(version, isRecentEnough).pipe(
    Option.map((recent): NatsBinary => ({ path, version: recent }))
  )
})

const fetched = Effect.fnUntraced(function* (directory: string, suite: "sid" | "bookworm") {
  yield* Effect.sync(() =>
    process.stderr.write(`nats-server: fetching the package of Debian ${suite} (16 MB) … `)
  )
  yield* Effect.tryPromise({
    try: (signal) => fetchInto(directory, signal, suite),
    catch: (cause) =>
      new NatsServerMissing({
        reason: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause)
      })
  }).pipe(
    Effect.onExit((exit) =>
      Effect.sync(() => process.stderr.write(exit._tag === "Success" ? "done\n" : "failed\n"))
    )
  )
})

/**
 * Finds a nats-server of 2.14 or newer, or fetches one. Looks, in this order, at `NATS_SERVER` (a path; wrong or too
 * old is an error, not a reason to look on), `nats-server` on `PATH`, the project's `.cache/nats/`, and then fetches Debian's
 * own package into that cache.
 */
export const locate = Effect.fn("NatsServer.locate")(function* (
  cacheDirectory: string = projectCache
): Effect.fn.Return<NatsBinary, NatsServerMissing | Config.ConfigError> {
  const named = yield* Config.option(Config.String("NATS_SERVER"))
  if (Option.isSome(named)) {
    const binary = yield* usable(named.value)
    if (Option.isSome(binary)) return binary.value
    const version = yield* versionOf(named.value)
    return yield* new NatsServerMissing({
      reason: Option.match(version, {
        onNone: () => `NATS_SERVER=${named.value} is no nats-server.`,
        onSome: (old) => `NATS_SERVER=${named.value} is ${old}.`
      })
    })
  }
  const path = yield* Config.String("PATH").pipe(Config.withDefault(""))
  for (const folder of path.split(delimiter)) {
    if (folder === "") continue
    const binary = yield* usable(join(folder, "nats-server"))
    if (Option.isSome(binary)) return binary.value
  }
  const cached = join(cacheDirectory, "nats-server")
  const binary = yield* usable(cached)
  if (Option.isSome(binary)) return binary.value
  yield* fetched(cacheDirectory, "sid")
  const fresh = yield* usable(cached)
  if (Option.isSome(fresh)) return fresh.value
  return yield* new NatsServerMissing({ reason: "Debian's package does not run here." })
})

/** The nats-server 2.9.10 of Debian 12, for tests of what happens on a server that is too old. */
export const locateOld = Effect.fnUntraced(function* (): Effect.fn.Return<NatsBinary, NatsServerMissing> {
  const directory = join(projectCache, "bookworm")
  const path = join(directory, "nats-server")
  if (Option.isNone(yield* versionOf(path))) yield* fetched(directory, "bookworm")
  const version = yield* versionOf(path)
  if (Option.isSome(version)) return { path, version: version.value }
  return yield* new NatsServerMissing({ reason: "Debian's package does not run here." })
})
