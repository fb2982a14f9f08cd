import { Broker, type BrokerError, type Topic } from "@troupe/broker"
import { Reject } from "@troupe/clickstream"
import { Progress } from "@troupe/console"
import { Outputs, Replay, type RunningView, Table, TableDigest, Views } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ClickTopic from "./ClickTopic.ts"
import * as Ingest from "./Ingest.ts"
import * as SessionViews from "./SessionViews.ts"
import type { Source } from "./Source.ts"
import { type Split, splits } from "./Split.ts"

/** What one run over an input found. */
export interface Report {
  readonly broker: string
  readonly durability: string
  readonly input: string
  /** The row that the topic's last record named when the run began; 0 for a fresh run. */
  readonly resumedFrom: number
  /** Clicks in the topic. */
  readonly events: number
  readonly visitors: number
  readonly sessions: number
  /** Sessions with at least one purchase. */
  readonly purchaseSessions: number
  /** Clicks by kind, over all sessions. */
  readonly symbols: Readonly<Record<string, number>>
  /** Clicks that are in no session: they came too late, or were quarantined. */
  readonly leftOut: number
  /** Rows of the input that are no clicks; each is in the topic `clicks-rejected`. */
  readonly rejected: number
  /** The first few of those rows, as text. */
  readonly firstRejects: ReadonlyArray<string>
  /** SHA-256 of the session table, read back from its output topic in canonical order. */
  readonly digest: string
  readonly replay: {
    readonly v1Digest: string
    readonly v2Digest: string
    readonly v2Sessions: number
    /** The replay gave, byte by byte and in order, what the live run had committed. */
    readonly replayEqualsLive: boolean
    /** Where version 2 sees other sessions than version 1. */
    readonly differences: ReadonlyArray<Split>
  }
}

const views = { partitions: ClickTopic.partitions } as const

/** Progress of a view until it has folded `sequence`. */
const towards = (running: RunningView, sequence: number) =>
  running.progress("100 millis").pipe(
    Stream.map(({ done }) => ({ done: Math.min(done, sequence), total: sequence })),
    Stream.takeUntil(({ done }) => done >= sequence)
  )

const addInto = (sums: Record<string, number>, counts: Readonly<Record<string, unknown>>) => {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + Number(count)
}

/** Reads the live table back from its output topic: what any reader of the topic sees. */
const readBack = Effect.fnUntraced(function* () {
  const rows = Table.make(SessionViews.table)
  let leftOut = 0
  yield* Outputs.read(SessionViews.v1).pipe(
    Stream.runForEachArray((commits) =>
      Effect.sync(() => {
        for (const committed of commits) {
          const changes = Outputs.decode(SessionViews.v1, committed)
          rows.apply(changes)
          for (const change of changes) {
            if (change._tag === "Late") leftOut += 1
            if (change._tag === "Quarantined") leftOut += change.events
          }
        }
      })
    )
  )
  return { rows: rows.rows, leftOut }
})

/** Every data record of the topic, by its summary: what the topic itself says. */
const countClicks = (topic: Topic): Effect.Effect<number, BrokerError> =>
  topic.read({ from: "first", filters: ["p.*"] }).pipe(
    Stream.runFold(
      () => 0,
      (count, record) => (ClickTopic.isEnd(record) ? count : count + 1)
    )
  )

/**
 * The whole run: clicks into a topic, sessions live beside it, then version 1 again from the beginning and version 2
 * beside it, and what differs.
 *
 * May be killed at any moment and started again on the same data: it goes on, and counts nothing twice.
 */
export const run = Effect.fn("Once.run")(function* (source: Source) {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: ClickTopic.name })
  const live = yield* Views.run(SessionViews.v1, { ...views, input: topic })
  const shown = yield* Progress.shown
  const ingested = yield* Effect.raceFirst(
    shown("ingest  ", (onProgress) => Ingest.run(source, { onProgress })),
    live.failure
  )
  const end = (yield* topic.info).lastSequence
  yield* live.caughtUp(end)
  const { rows, leftOut } = yield* readBack()

  const beside = yield* Views.run(SessionViews.v2, { ...views, input: topic })
  yield* Progress.show("version 2", towards(beside, end))
  yield* beside.caughtUp(end)
  const again = yield* Replay.replay(SessionViews.v1, { ...views, input: topic, table: SessionViews.table })
  const verified = yield* Replay.verify(SessionViews.v1, { ...views, input: topic })
  const v2Rows = yield* Views.rows(SessionViews.v2, SessionViews.table)
  yield* Effect.all([live.stop, beside.stop], { discard: true })

  const rejects = yield* Ingest.rejects
  const symbols: Record<string, number> = {}
  const visitors = new Set<string>()
  let purchaseSessions = 0
  for (const row of rows.values()) {
    const summary = row["result"] as unknown as SessionViews.Summary
    addInto(symbols, summary.symbols)
    if ((summary.symbols["purchase"] ?? 0) > 0) purchaseSessions += 1
    visitors.add(String(row["key"]))
  }
  const digest = TableDigest.canonical(rows)
  const v1Digest = TableDigest.canonical(again.rows)
  return {
    broker: broker.backend,
    durability: broker.durability,
    input: source.name,
    resumedFrom: ingested.resumedFrom,
    events: yield* countClicks(topic),
    visitors: visitors.size,
    sessions: rows.size,
    purchaseSessions,
    symbols,
    leftOut,
    rejected: rejects.length,
    firstRejects: rejects.slice(0, 5).map(Reject.format),
    digest,
    replay: {
      v1Digest,
      v2Digest: TableDigest.canonical(v2Rows),
      v2Sessions: v2Rows.size,
      replayEqualsLive: verified.replayEqualsLive && v1Digest === digest,
      differences: splits(rows, v2Rows)
    }
  } satisfies Report
})
