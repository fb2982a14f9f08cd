// Clicks become sessions by event time. The live step takes the log chunk by chunk and says what changed; a late click
// joins two sessions into one, and that is said too. In the end it agrees with the batch, which saw everything at once.
import { type ClickEvent, Simulator } from "@troupe/clickstream"
import { type Change, Fold, Sessions, SessionTable } from "@troupe/sessions"
import { TableDigest } from "@troupe/views"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const sessions = Sessions.define({
  key: (event: ClickEvent) => event.key,
  eventId: (event) => event.eventId,
  timeMillis: (event) => event.timeMillis,
  value: (event) => event.action,
  fold: Fold.struct({ events: Fold.count }),
  gapMillis: 30 * 60_000
})

const program = Effect.gen(function* () {
  // One event in ten comes up to an hour late, after its session seemed over.
  const outOfOrder = { fraction: 0.1, minDelayMillis: 60_000, maxDelayMillis: 60 * 60_000 }
  const events = [...Simulator.events({ seed: 7, events: 5_000, outOfOrder })]
  const changes: Array<Change<string, { events: number }>> = []
  let state = Sessions.initial<string>()
  for (let at = 0; at < events.length; at += 1_000) {
    const [next, more] = Sessions.step(sessions, state, events.slice(at, at + 1_000))
    state = next
    changes.push(...more)
  }
  changes.push(...Sessions.end(sessions, state)[1])

  const told = Map.groupBy(changes, (change) => change._tag)
  for (const [tag, list] of told) yield* Console.log(tag.padEnd(12), list.length)

  const live = SessionTable.ofChanges(changes)
  const batch = SessionTable.ofBatch(Sessions.batch(sessions, events))
  const agrees = TableDigest.canonical(live) === TableDigest.canonical(batch)
  yield* Console.log(`${live.size} sessions of ${events.length} events; the batch agrees: ${agrees}`)
})

await Effect.runPromise(program)
