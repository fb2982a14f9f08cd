import { RunDirectory, runFlags, Table } from "@troupe/console"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ChildProcess from "../ChildProcess.ts"
import * as Stories from "../Stories.ts"
import * as Readings from "./Readings.ts"
import * as WalPrimary from "./WalPrimary.ts"
import type { WalReport } from "./WalReport.ts"

const batchesShown = 3

/** What came of the story as text for people. */
export const render = (report: WalReport): string =>
  [
    "A primary in a process of its own, two replicas here; every append waited for one replica's disk (durability: disk). Then kill -9.",
    "",
    Table.render([
      ["acknowledged", "of those lost", "promoted", "epoch", "then acknowledged", "lag p99"],
      [
        String(report.acknowledged),
        String(report.acknowledgedLost),
        report.promoted,
        String(report.promotedEpoch),
        String(report.acknowledgedAfter),
        `${report.lagMillisP99} ms`
      ]
    ]),
    "",
    report.deposedTruncated === 0
      ? "The deposed primary had nothing that the others do not have."
      : `The deposed primary was cut by ${report.deposedTruncated} records that only it had; kept in ${report.deposedKeptIn.join(", ")}.`,
    `Restored to sequence ${report.restoredTo} from ${report.archivedFiles} files: ${report.restoreWrong} records wrong.`
  ].join("\n")

/** `analytics wal`: shipping a write-ahead log, losing its primary, promotion, and restore to a point in time. */
export const wal = Command.make(
  "wal",
  {
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("print one JSON object on standard output, and nothing else there")
    ),
    seed: runFlags.seed,
    data: runFlags.data,
    records: Flag.Int("records").pipe(
      Flag.withDefault(3_000),
      Flag.withDescription("acknowledged records after which the primary is killed")
    ),
    read: Flag.String("read").pipe(
      Flag.optional,
      Flag.withDescription(
        "only show the last batches of the log in this directory: as events, and as a write-ahead log"
      )
    )
  },
  Effect.fnUntraced(
    function* ({ data, json, read, records, seed }) {
      if (Option.isSome(read)) {
        return yield* Console.log(
          yield* Readings.render(yield* RunDirectory.fromUser(read.value), batchesShown)
        )
      }
      const text = yield* Stories.inDirectoryOfItsOwn(
        Effect.fnUntraced(function* (directory) {
          const report = yield* Stories.wal({ directory, seed, killAfter: records })
          if (json) return JSON.stringify(report)
          const twice = yield* Readings.render(`${directory}/restored`, batchesShown)
          return `${render(report)}\n\nThe same bytes read twice:\n\n${twice}`
        }),
        data
      )
      yield* Console.log(text)
    },
    Effect.scoped,
    Effect.provide(ActorSystem.layer)
  )
).pipe(
  Command.withDescription(
    "Ship a write-ahead log to two replicas, kill its primary under load, promote, bring the deposed one back, restore to a point in time"
  )
)

/** The primary's process of `wal`; not for people. */
export const walPrimary = Command.make(
  "wal-primary",
  {
    data: Flag.String("data"),
    seed: Flag.Int("seed"),
    writers: Flag.Int("writers"),
    writes: Flag.Int("writes")
  },
  Effect.fnUntraced(
    function* ({ data, ...settings }) {
      yield* ChildProcess.diesWithParent
      yield* WalPrimary.run({ directory: data, ...settings })
    },
    Effect.scoped,
    Effect.provide(ActorSystem.layer)
  )
).pipe(Command.unlisted)
