import { runFlags, Table } from "@troupe/console"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import * as ChildProcess from "../ChildProcess.ts"
import * as Stories from "../Stories.ts"
import type { StorageReport } from "./StorageReport.ts"
import * as StorageWriter from "./StorageWriter.ts"

const kilobytes = (bytes: number) => `${Math.round(bytes / 1024)} KiB`

/** What came of the story as text for people. */
export const render = (report: StorageReport): string =>
  [
    `${report.writers} writers in a process of their own, killed ${report.kills} times; store and archive on plain files (durability: os)`,
    "",
    Table.render([
      ["puts", "overwrites", "deletes", "acknowledged and lost"],
      [report.puts, report.overwrites, report.deletes, report.acknowledgedLost].map(String)
    ]),
    "",
    Table.render([
      ["bytes before", "after", "live", "reclaimed", "likes with their unlikes", "old versions"],
      [
        kilobytes(report.bytesBefore),
        kilobytes(report.bytesAfter),
        kilobytes(report.liveBytes),
        kilobytes(report.reclaimedBytes),
        String(report.droppedPairs),
        String(report.droppedVersions)
      ]
    ]),
    "",
    Table.render([
      ["files rolled", "archived", "asked of the past", "wrong", "not kept any more"],
      [report.filesRolled, report.filesArchived, report.asOfChecked, report.asOfWrong, report.asOfGone].map(
        String
      )
    ]),
    "",
    report.snapshotUnchanged
      ? "A snapshot taken before the compaction read the same after it."
      : "A snapshot taken before the compaction CHANGED."
  ].join("\n")

/** `analytics storage`: the log-structured store under several writers, and under kill -9. */
export const storage = Command.make(
  "storage",
  {
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("print one JSON object on standard output, and nothing else there")
    ),
    seed: runFlags.seed,
    data: runFlags.data,
    kill: Flag.Boolean("kill").pipe(
      Flag.withDefault(false),
      Flag.withDescription("kill -9 the writing process three times, at random moments, and go on")
    ),
    writers: Flag.Int("writers").pipe(Flag.withDefault(4), Flag.withDescription("writers at the same time")),
    writes: Flag.Int("writes").pipe(Flag.withDefault(5_000), Flag.withDescription("writes of each writer"))
  },
  Effect.fnUntraced(
    function* ({ data, json, kill, seed, writers, writes }) {
      const report = yield* Stories.inDirectoryOfItsOwn(
        (directory) => Stories.storage({ directory, seed, kill, writers, writes }),
        data
      )
      yield* Console.log(json ? JSON.stringify(report) : render(report))
    },
    Effect.scoped,
    Effect.provide(ActorSystem.layer)
  )
).pipe(
  Command.withDescription(
    "Several writers on a log-structured store: overwrites, likes taken back, history, compaction, archived files, and kill -9"
  )
)

/** The writing process of `storage`; not for people. */
export const storageWriter = Command.make(
  "storage-writer",
  {
    data: Flag.String("data"),
    seed: Flag.Int("seed"),
    from: Flag.String("from"),
    writes: Flag.Int("writes")
  },
  Effect.fnUntraced(
    function* ({ data, from, seed, writes }) {
      yield* ChildProcess.diesWithParent
      yield* StorageWriter.run({ directory: data, seed, writes, from: from.split(",").map(Number) })
    },
    Effect.scoped,
    Effect.provide(ActorSystem.layer)
  )
).pipe(Command.unlisted)
