import { flagDefaults, givenFlags, RunDirectory, runFlags } from "@troupe/console"
import { type Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as SocialSource from "./SocialSource.ts"

/** Lines of the feed unless somebody says otherwise. */
export const defaultEvents = 50_000

const seedDescription = "chooses what people do in the feed"

/** The flags of every command about the feed. */
export const flags = {
  broker: runFlags.broker,
  data: runFlags.data,
  seed: runFlags.seed.pipe(Flag.withDescription(seedDescription)),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("print one JSON object on standard output, and nothing else there")
  ),
  input: Flag.String("input").pipe(
    Flag.optional,
    Flag.withDescription(
      "a file of one JSON object a line, plain or gzipped; without it the feed is generated"
    )
  ),
  events: Flag.Int("events").pipe(
    Flag.filter(
      (events) => events >= 0,
      () => "a whole number of at least 0"
    ),
    Flag.optional,
    Flag.withDescription(`lines of a generated feed; default ${defaultEvents}`)
  )
}

/** What the flags of a command hold. */
export type Flags = Command.Command.Config.Infer<typeof flags>

/** The flags of a command that an app may answer which is running: what is not given there is that app's own. */
export const askFlags = {
  ...flags,
  broker: givenFlags.broker,
  seed: givenFlags.seed.pipe(Flag.withDescription(seedDescription))
}

/** What the flags of such a command hold. */
export type AskFlags = Command.Command.Config.Infer<typeof askFlags>

/** The flags with their defaults, for a command that runs on its own. */
export const settled = (given: AskFlags): Flags => ({
  ...given,
  broker: Option.getOrElse(given.broker, () => flagDefaults.broker),
  seed: Option.getOrElse(given.seed, () => flagDefaults.seed)
})

/** The source that the flags name. */
export const sourceOf = Effect.fnUntraced(function* (
  { events, input, seed }: Pick<Flags, "events" | "input" | "seed">,
  linesDefault = defaultEvents
) {
  return Option.isSome(input)
    ? yield* SocialSource.file(yield* RunDirectory.fromUser(input.value))
    : SocialSource.feed({ seed, events: Option.getOrElse(events, () => linesDefault) })
})

/** Rows of a source: a file is read once to know. */
export const rowsOf = (source: SocialSource.Source, { input }: Pick<Flags, "input">) =>
  Option.isNone(input)
    ? Effect.succeed(source.total)
    : source.read(1).pipe(
        Stream.runFold(
          () => 0,
          (_, piece) => piece.lastRow
        )
      )
