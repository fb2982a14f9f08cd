/** Which app runs in a directory: a file there says it, and is believed only when that very app answers. */
import { NodeHttpClient } from "@effect/platform-node"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import { DirectoryUnusable } from "./RunDirectory.ts"

const fileName = "app.json"
const path = "/app.json"
/** An app that holds a directory answers at once; one that does not in this time is none. */
const answersWithin = "2 seconds"

/** A run of an app that stays up. */
const App = Schema.Struct({
  pid: Schema.Int,
  /** Names this run: process ids and ports are used again. */
  id: Schema.String,
  /** The flags that it runs with and that other commands on its directory cannot change, by name. */
  flags: Schema.Record(Schema.String, Schema.String)
})
export type App = typeof App.Type

/** An app that holds a directory, and where it answers. Only loopback: the file may come from anywhere. */
const HeldRun = Schema.Struct({
  ...App.fields,
  url: Schema.String.check(Schema.isPattern(/^http:\/\/127\.0\.0\.1:\d{1,5}$/))
})
export type HeldRun = typeof HeldRun.Type

const Text = Schema.fromJsonString(HeldRun)

/** A command's flag contradicts the app that holds the directory. */
export class HeldOtherwise extends Schema.TaggedError<HeldOtherwise>()("HeldOtherwise", {
  directory: Schema.String,
  pid: Schema.Int,
  url: Schema.String,
  flag: Schema.String,
  given: Schema.String,
  /** What the app has; null when it takes no such flag from a command. */
  held: Schema.NullOr(Schema.String)
}) {
  override get message() {
    const why = this.held === null ? `takes no --${this.flag} from a command` : `has ${this.held}`
    return `--${this.flag} ${this.given}: the app that holds ${this.directory} (process ${this.pid}, ${this.url}) ${why}. Leave --${this.flag} out to ask that app, or stop it, or give another directory with --data DIR.`
  }
}

/** This process as an app that holds a directory. */
export const make = (flags: App["flags"]): Effect.Effect<App> =>
  // Not from `Random`: two runs with one seed would take each other for themselves.
  Effect.sync(() => ({ pid: process.pid, id: crypto.randomUUID(), flags }))

/** Lets the app say over HTTP which run it is. */
export const route = (app: App) => HttpRouter.add("GET", path, HttpServerResponse.jsonUnsafe(app))

const fileIn = (directory: string): string => `${directory}/${fileName}`

const readIn = Effect.fnUntraced(function* (directory: string) {
  const files = yield* FileSystem.FileSystem
  const text = yield* Effect.option(files.readFileString(fileIn(directory)))
  return Option.flatMap(text, Schema.decodeUnknownOption(Text))
})

/**
 * Says in the directory that this app, whose server listens, holds it: until the scope closes. Readable by this user only; a reader sees the whole
 * file or none. What an app that was killed left there is replaced.
 */
export const hold = Effect.fnUntraced(function* (directory: string, app: App) {
  const files = yield* FileSystem.FileSystem
  const { address } = yield* HttpServer.HttpServer
  const held: HeldRun = { ...app, url: HttpServer.formatAddress(address) }
  const unusable = ({ message }: PlatformError) => new DirectoryUnusable({ directory, detail: message })
  const write = Effect.gen(function* () {
    const aside = `${fileIn(directory)}.${app.id}`
    yield* files.writeFileString(aside, Schema.encodeSync(Text)(held), { mode: 0o600 })
    yield* files.rename(aside, fileIn(directory))
  }).pipe(Effect.mapError(unusable))
  const remove = Effect.gen(function* () {
    const there = yield* readIn(directory)
    if (Option.isSome(there) && there.value.id === app.id) yield* files.remove(fileIn(directory))
  }).pipe(Effect.ignore({ log: true }))
  yield* Effect.acquireRelease(write, () => remove)
})

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user is alive too.
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** The app that holds a directory now. A file whose process is gone, or at whose address another run or nobody answers, counts for nothing. */
export const find = Effect.fn("HeldRun.find")(function* (directory: string) {
  const there = yield* readIn(directory)
  if (Option.isNone(there) || !isAlive(there.value.pid)) return Option.none<HeldRun>()
  const { id, url } = there.value
  const answered = yield* HttpClient.get(`${url}${path}`).pipe(
    Effect.flatMap((response) => response.json),
    Effect.flatMap(Schema.decodeUnknownEffect(App)),
    Effect.timeout(answersWithin),
    Effect.option
  )
  return Option.filter(there, () => Option.isSome(answered) && answered.value.id === id)
}, Effect.provide(NodeHttpClient.layerNodeHttp))

/** Fails when a flag that was given is not the app's own. */
export const agree = Effect.fnUntraced(function* (
  directory: string,
  { flags, pid, url }: HeldRun,
  given: { readonly [flag: string]: Option.Option<string | number> }
): Effect.fn.Return<void, HeldOtherwise> {
  for (const [flag, option] of Object.entries(given)) {
    if (Option.isNone(option)) continue
    const held = flags[flag] ?? null
    const wanted = String(option.value)
    if (held !== wanted) {
      return yield* new HeldOtherwise({ directory, pid, url, flag, given: wanted, held })
    }
  }
})
