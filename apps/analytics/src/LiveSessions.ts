import { Broker } from "@troupe/broker"
import { Outputs, type RunningView, Table, type ViewError, Views } from "@troupe/views"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { SessionShown, Status } from "./Api.ts"
import * as ClickTopic from "./ClickTopic.ts"
import * as Ingest from "./Ingest.ts"
import * as SessionViews from "./SessionViews.ts"
import type { Source } from "./Source.ts"

/** How often the figures over all sessions are added up again. */
const summedEvery = "500 millis"

type Sums = Pick<Status, "sessions" | "purchaseSessions" | "symbols">

const sumUp = (rows: Table.Rows): Sums => {
  const symbols: Record<string, number> = {}
  let purchaseSessions = 0
  for (const row of rows.values()) {
    const summary = row["result"] as unknown as SessionViews.Summary
    for (const [name, count] of Object.entries(summary.symbols)) symbols[name] = (symbols[name] ?? 0) + count
    if ((summary.symbols["purchase"] ?? 0) > 0) purchaseSessions += 1
  }
  return { sessions: rows.size, purchaseSessions, symbols }
}

/** A session in a change, as the page shows it; nothing for a change that is about no closed session. */
const shownOf = (change: SessionViews.SessionChange): ReadonlyArray<SessionShown> =>
  change._tag === "Closed" || change._tag === "Corrected"
    ? [
        {
          key: change.key,
          sessionId: change.sessionId,
          startMillis: change.startMillis,
          lastMillis: change.lastMillis,
          events: change.events,
          symbols: change.result.symbols
        }
      ]
    : []

/** Clicks that come in, and their sessions, for as long as the layer lives. */
export class LiveSessions extends Context.Service<
  LiveSessions,
  {
    readonly status: Effect.Effect<Status>
    /** Closed sessions behind a sequence of the output topic, then those to come. */
    readonly closed: (
      afterSequence: number
    ) => Stream.Stream<{ readonly sequence: number; readonly session: SessionShown }, ViewError>
    /** Ends with the failure of whatever feeds this, and never otherwise. */
    readonly failure: Effect.Effect<never, Ingest.IngestError | ViewError>
  }
>()("@troupe/analytics/LiveSessions") {
  static readonly layer = (source: Source) =>
    Layer.effect(
      LiveSessions,
      Effect.gen(function* () {
        const broker = yield* Broker
        const topic = yield* broker.topic({ name: ClickTopic.name })
        const running: RunningView = yield* Views.run(SessionViews.v1, {
          input: topic,
          partitions: ClickTopic.partitions
        })
        const table = Table.make(SessionViews.table)
        let sums = sumUp(table.rows)
        const follow = Outputs.follow(SessionViews.v1).pipe(
          Stream.runForEach((committed) =>
            Effect.sync(() => table.apply(Outputs.decode(SessionViews.v1, committed)))
          ),
          Effect.andThen(Effect.never)
        )
        const add = Effect.sync(() => {
          sums = sumUp(table.rows)
        }).pipe(Effect.delay(summedEvery), Effect.forever)
        const ingest = Effect.andThen(Ingest.run(source, { onProgress: () => Effect.void }), Effect.never)
        const feeding = yield* Effect.forkScoped(
          Effect.raceAllFirst([ingest, follow, add, running.failure]).pipe(
            Effect.provideService(Broker, broker)
          )
        )

        const context = Context.make(Broker, broker)
        return LiveSessions.of({
          status: Effect.gen(function* () {
            const info = yield* Effect.orDie(topic.info)
            const partitions = yield* running.position
            return {
              broker: broker.backend,
              durability: broker.durability,
              input: source.name,
              clicks: info.records,
              ...sums,
              partitions: partitions.map(({ inSequence, outputs, partition }) => ({
                partition,
                inSequence,
                outputs
              }))
            }
          }),
          closed: (afterSequence) =>
            Outputs.follow(SessionViews.v1, { from: afterSequence + 1 }).pipe(
              Stream.flatMap((committed) =>
                Stream.fromIterable(
                  Outputs.decode(SessionViews.v1, committed)
                    .flatMap(shownOf)
                    .map((session) => ({ sequence: committed.outSequence, session }))
                )
              ),
              Stream.provideContext(context)
            ),
          failure: Fiber.join(feeding)
        })
      })
    )
}
