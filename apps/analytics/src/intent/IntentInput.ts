import { type ClickEvent, Reject } from "@troupe/clickstream"
import { Progress, RunDirectory, runFlags } from "@troupe/console"
import { Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Source from "../Source.ts"

/** The flags of every command about shoppers' intent. */
export const flags = {
  seed: runFlags.seed,
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("print one JSON object on standard output, and nothing else there")
  ),
  input: Flag.String("input").pipe(
    Flag.optional,
    Flag.withDescription(
      "clickstream file, plain or gzipped (Coveo release, Google day, OTTO JSON lines); without it shoppers are simulated"
    )
  ),
  events: Flag.Int("events").pipe(
    Flag.optional,
    Flag.withDescription("simulated clicks, when there is no --input")
  )
}

/** Which clicks a command is about. */
export interface Given {
  readonly seed: number
  readonly input: Option.Option<string>
  readonly events: Option.Option<number>
}

/** All clicks of an input, in memory, in the order of its rows. */
export interface Clicks {
  /** Names the input. */
  readonly name: string
  readonly events: ReadonlyArray<ClickEvent>
  /** Its rows that are no clicks. */
  readonly rejects: ReadonlyArray<Reject.Reject>
}

const shownRejects = 5

/** The clicks that the flags name, read to the end; rows that are none are told on standard error. */
export const read = Effect.fnUntraced(function* (given: Given, eventsDefault: number) {
  const { events, input, seed } = given
  const source = Option.isSome(input)
    ? yield* Source.file(yield* RunDirectory.fromUser(input.value))
    : Source.simulator({ seed, events: Option.getOrElse(events, () => eventsDefault) })
  const shown = yield* Progress.shown
  const all: Array<ClickEvent> = []
  const rejects: Array<Reject.Reject> = []
  yield* shown("read     ", (tell) =>
    source.read(1).pipe(
      Stream.runForEach((chunk) => {
        for (const event of chunk.events) all.push(event)
        for (const reject of chunk.rejects) rejects.push(reject)
        return tell({ done: chunk.done, total: source.total })
      })
    )
  )
  if (rejects.length > 0) yield* tellRejects(rejects)
  return { name: source.name, events: all, rejects } satisfies Clicks
})

const tellRejects = (rejects: ReadonlyArray<Reject.Reject>) =>
  Effect.sync(() => {
    const rows =
      rejects.length === 1
        ? "1 row of the input is no click"
        : `${rejects.length} rows of the input are no clicks`
    const first = rejects.slice(0, shownRejects).map((reject) => `  ${Reject.format(reject)}`)
    const more = rejects.length > shownRejects ? ["  …; `analytics --once` keeps all of them in a topic"] : []
    process.stderr.write(`${[`${rows}:`, ...first, ...more].join("\n")}\n`)
  })
