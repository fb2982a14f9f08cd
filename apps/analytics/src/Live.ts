import { Broker } from "@troupe/broker"
import { Outputs, Table, Views } from "@troupe/views"
import { TerminalCapabilities } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as ClickTopic from "./ClickTopic.ts"
import * as Ingest from "./Ingest.ts"
import * as SessionViews from "./SessionViews.ts"
import type { Source } from "./Source.ts"

const statusOf = (rows: Table.Rows, clicks: number) => {
  let purchases = 0
  let lastMillis = 0
  for (const row of rows.values()) {
    const { symbols } = row["result"] as unknown as SessionViews.Summary
    if ((symbols["purchase"] ?? 0) > 0) purchases += 1
    lastMillis = Math.max(lastMillis, Number(row["lastMillis"]))
  }
  const at = lastMillis === 0 ? "–" : new Date(lastMillis).toISOString().slice(0, 16).replace("T", " ")
  return `${clicks} clicks  ${rows.size} sessions closed  ${purchases} with a purchase  event time ${at}`
}

/**
 * Takes the source in and keeps its sessions until it is stopped, with a status line on standard output: redrawn every
 * half second on a terminal, one line every five seconds elsewhere.
 */
export const run = Effect.fn("Live.run")(function* (source: Source) {
  const broker = yield* Broker
  const stdio = yield* Stdio.Stdio
  const { canAnimate } = yield* TerminalCapabilities.TerminalCapabilities
  const topic = yield* broker.topic({ name: ClickTopic.name })
  const running = yield* Views.run(SessionViews.v1, { input: topic, partitions: ClickTopic.partitions })
  const table = Table.make(SessionViews.table)
  const follow = Outputs.follow(SessionViews.v1).pipe(
    Stream.runForEach((committed) =>
      Effect.sync(() => table.apply(Outputs.decode(SessionViews.v1, committed)))
    )
  )
  const status = Effect.map(topic.info, ({ records }) => statusOf(table.rows, records))
  const show = Stream.fromEffectSchedule(
    status,
    Schedule.spaced(canAnimate ? "500 millis" : "5 seconds")
  ).pipe(
    Stream.map((line) => (canAnimate ? `\r\u001b[2K${line}` : `${line}\n`)),
    Stream.run(stdio.stdout({ endOnDone: false }))
  )
  const ingest = Effect.andThen(Ingest.run(source, { onProgress: () => Effect.void }), Effect.never)
  yield* Effect.raceAllFirst([ingest, follow, show, running.failure])
})
