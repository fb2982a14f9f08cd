import { HeldRun } from "@troupe/console"
import * as Console from "effect/Console"
import { TerminalCapabilities } from "effect/cli"
import * as Effect from "effect/Effect"
import { HttpServer } from "effect/http"
import * as Schedule from "effect/Schedule"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { Status } from "./Api.ts"
import { LiveScores } from "./intent/LiveScores.ts"
import { LiveSessions } from "./LiveSessions.ts"
import { LiveSocial } from "./social/LiveSocial.ts"

const lineOf = ({ clicks, purchaseSessions, sessions }: Status, version: number, records: number) =>
  `${clicks} clicks  ${sessions} sessions closed  ${purchaseSessions} with a purchase  |  ${records} records of the feed  version ${version} serves`

/**
 * Says where the page is, then shows a status line until it is stopped: redrawn every half second on a terminal, one
 * line every five seconds elsewhere. Commands on the directory are sent to this app meanwhile. Fails with whatever stops the clicks, the feed, or a
 * view.
 */
export const run = Effect.fn("Live.run")(function* (directory: string, app: HeldRun.App) {
  const live = yield* LiveSessions
  const scores = yield* LiveScores
  const social = yield* LiveSocial
  const stdio = yield* Stdio.Stdio
  const { canAnimate } = yield* TerminalCapabilities.TerminalCapabilities
  const { address } = yield* HttpServer.HttpServer
  yield* HeldRun.hold(directory, app)
  yield* Console.log(
    `Sessions and the social feed live: ${HttpServer.formatAddress(address)} (API at /docs). Ctrl-C stops; the same directory goes on.`
  )
  const every = Schedule.spaced(canAnimate ? "500 millis" : "5 seconds")
  const line = Effect.gen(function* () {
    const { alias, records } = yield* social.status
    return lineOf(yield* live.status, alias.current, records)
  })
  const show = Stream.fromEffectSchedule(line, every).pipe(
    Stream.map((text) => (canAnimate ? `\r\u001b[2K${text}` : `${text}\n`)),
    Stream.run(stdio.stdout({ endOnDone: false }))
  )
  yield* Effect.raceAllFirst([show, live.failure, scores.failure, social.failure])
}, Effect.scoped)
