// A view is a pure fold over a topic, with a name and a version. Version 2 runs beside version 1 over the same log, from
// its first record on; then the two tables are compared. Nothing is migrated, and version 1 goes on answering.
import { Broker, jsonCodec } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import { ClickEvent, Simulator } from "@troupe/clickstream"
import { ActorSystem } from "@troupe/runtime"
import { Fold, Sessions, SessionTable } from "@troupe/sessions"
import { Replay, TableDiff, Views } from "@troupe/views"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { temporaryDirectory } from "./temporary-directory.ts"

const codec = jsonCodec(ClickEvent)

/** Sessions of a shopper, ended by a gap of so many minutes. */
const shopping = (version: number, gapMinutes: number) =>
  Sessions.view({
    name: "sessions",
    version,
    decode: (record) => Result.getOrThrow(codec.decode(record.data)),
    spec: Sessions.define({
      key: (event: ClickEvent) => event.key,
      eventId: (event) => event.eventId,
      timeMillis: (event) => event.timeMillis,
      value: (event) => event.action,
      fold: Fold.struct({ purchases: Fold.countWhere((action: string) => action === "purchase") }),
      gapMillis: gapMinutes * 60_000
    })
  })

const program = Effect.gen(function* () {
  const clicks = yield* (yield* Broker).topic({ name: "clicks" })
  for (const events of Simulator.chunks({ seed: 7, events: 5_000 }, 1_000)) {
    const requests = yield* Effect.forEach(events, (event) =>
      Effect.map(codec.encode(event), (data) => ({ subject: "p.0", data }))
    )
    yield* clicks.appendAll(requests)
  }

  const input = { input: clicks, partitions: 1 }
  const [v1, v2] = [shopping(1, 30), shopping(2, 15)]
  const [first, second] = [yield* Views.run(v1, input), yield* Views.run(v2, input)]
  yield* Effect.all([first.caughtUp(), second.caughtUp()])

  const [before, after] = [
    yield* Views.rows(v1, SessionTable.spec()),
    yield* Views.rows(v2, SessionTable.spec())
  ]
  const { added, changed } = TableDiff.diff(before, after)
  yield* Console.log(`${first.id}: ${before.size} sessions, ${second.id}: ${after.size} sessions`)
  yield* Console.log(
    `version 2 adds ${added.count} and ends ${changed.count} earlier, e.g.`,
    changed.examples[0]
  )

  const { replayEqualsLive } = yield* Replay.verify(v1, input)
  yield* Console.log("folding everything again gives the same, byte by byte:", replayEqualsLive)
})

const broker = Layer.unwrap(
  Effect.map(temporaryDirectory, (directory) => Embedded.layer({ directory, durability: "os" }))
)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Layer.merge(broker, ActorSystem.layer))))
