/**
 * Archives a topic into immutable Parquet files, exactly once, and lets retention delete only what was read back.
 *
 * A run writes files aside, renames them, and commits one manifest that names them: the commit is one link of a file (`Versions`), so a
 * crash at any moment leaves the archive as it was before or as it is after. What no manifest names is removed by the next run.
 */

import * as path from "node:path"
import type { DuckDBConnection } from "@duckdb/node-api"
import type { Topic, TopicRecord } from "@troupe/broker"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { connect, queryOn } from "./Batch.ts"
import {
  BatchError,
  type BatchErrorReason,
  brokerFailed,
  Damaged,
  Foreign,
  Missing,
  NotVerified
} from "./BatchError.ts"
import * as Columns from "./Columns.ts"
import { Disk } from "./Disk.ts"
import * as Manifest from "./Manifest.ts"
import * as ManifestFile from "./ManifestFile.ts"
import * as ParquetWriter from "./ParquetWriter.ts"
import { partitionOf } from "./Partition.ts"
import * as RecordDigest from "./RecordDigest.ts"

/** What to archive, and where. */
export interface Options {
  readonly topic: Topic
  /** A directory for this archive alone; made when it is not there. */
  readonly directory: string
  /** Typed columns beside the raw record; default none. Later ones may be added, none may change its type. */
  readonly columns?: Columns.Columns
  /** Records that are archived and committed together, and held in memory for it; default 131 072. */
  readonly segmentRecords?: number
  /** True accepts and records that sequences are gone that were never archived; default false, which fails with `Missing`. */
  readonly allowGaps?: boolean
  /** Memory for DuckDB; default 512. */
  readonly memoryLimitMiB?: number
  /** Threads for DuckDB; default 2. */
  readonly threads?: number
}

/** What a run did. */
export interface Ran {
  /** Records archived by this run. */
  readonly archived: number
  /** Last sequence that the archive covers; 0 for none. */
  readonly through: number
  /** Parquet files written by this run. */
  readonly files: number
}

/** An archive, opened to write. */
export interface Archive {
  readonly directory: string
  /** What is committed now. */
  readonly manifest: Effect.Effect<Manifest.Manifest, BatchError>
  /** Archives what the topic holds behind the last committed sequence, up to `through` (default: its last record now). */
  readonly run: (options?: { readonly through?: number }) => Effect.Effect<Ran, BatchError>
  /**
   * Reads back every file that was not verified yet, and compares rows and digest with what the topic gave. Answers `verifiedThrough`.
   * Fails with `Damaged`, which names the file.
   */
  readonly verify: Effect.Effect<number, BatchError>
  /**
   * Deletes records below `below` (exclusive) from the topic: the only retention that never loses anything. Fails with `NotVerified` when
   * the archive has not read back as much. Answers how many were deleted.
   */
  readonly trim: (options: { readonly below: number }) => Effect.Effect<number, BatchError>
}

const hourMillis = 3_600_000

/** Records that go into one file. */
interface Group {
  readonly partition: number
  readonly hour: number
  readonly records: Array<TopicRecord>
}

const groupsOf = (records: ReadonlyArray<TopicRecord>): ReadonlyArray<Group> => {
  const groups = new Map<string, Group>()
  for (const record of records) {
    const partition = partitionOf(record.subject)
    const hour = Math.floor(record.timeMillis / hourMillis)
    const key = `${partition}/${hour}`
    const group = groups.get(key) ?? { partition, hour, records: [] }
    groups.set(key, group)
    group.records.push(record)
  }
  return [...groups.values()].sort((a, b) => a.partition - b.partition || a.hour - b.hour)
}

const sequenceName = (sequence: number): string => String(sequence).padStart(16, "0")

/** `p0-2026-11-23T01-0000000000000001-0000000000000500-e1.parquet`: the epoch makes a name that no other process writes. */
const fileName = ({ hour, partition }: Group, first: number, last: number, epoch: number): string => {
  const when = new Date(hour * hourMillis).toISOString().slice(0, 13)
  const where = partition < 0 ? "other" : `p${partition}`
  return `${where}-${when}-${sequenceName(first)}-${sequenceName(last)}-e${epoch}.parquet`
}

const fail = (topic: string, reason: BatchErrorReason): BatchError =>
  new BatchError({ operation: `archive ${topic}`, reason })

/**
 * Opens the archive of a topic to write, until the scope closes.
 *
 * Opening fences every process that had it open before: its next commit fails with `Fenced`. Fails with `Foreign` when the directory
 * holds another topic, or a column under another type.
 */
export const open = (options: Options): Effect.Effect<Archive, BatchError, Scope.Scope> =>
  Effect.gen(function* () {
    const { directory, topic, columns = Columns.none, segmentRecords = 131_072 } = options
    const disk = yield* Disk
    yield* disk.makeDirectory(directory)
    const connection = yield* connect({
      directories: [directory],
      memoryLimitMiB: options.memoryLimitMiB ?? 512,
      threads: options.threads ?? 2
    })

    const found = yield* ManifestFile.load(directory)
    if (found.version > 0 && found.manifest.topic !== topic.name) {
      const { topic: other } = found.manifest
      return yield* fail(topic.name, new Foreign({ what: "topic", expected: topic.name, found: other }))
    }
    const merged = Manifest.mergeColumns(found.manifest.columns, columns.types)
    if (merged === undefined) {
      return yield* fail(
        topic.name,
        new Foreign({
          what: "columns",
          expected: JSON.stringify(columns.types),
          found: JSON.stringify(found.manifest.columns)
        })
      )
    }

    let version = found.version
    let manifest: Manifest.Manifest = found.manifest
    const commit = (next: Manifest.Manifest): Effect.Effect<void, BatchError> =>
      Effect.map(ManifestFile.store(directory, version + 1, next), () => {
        version++
        manifest = next
      })

    // The claim: whoever had it open is fenced from here on, so what its manifest does not name is nobody's.
    yield* commit({ ...manifest, topic: topic.name, epoch: manifest.epoch + 1, columns: merged })
    const named = new Set(manifest.segments.flatMap((segment) => segment.files.map((file) => file.name)))
    for (const name of yield* disk.list(directory)) {
      const isOurs = name.endsWith(".parquet") || name.endsWith(".tmp")
      if (isOurs && !named.has(name)) yield* disk.remove(path.join(directory, name))
    }

    const writeFile = (group: Group): Effect.Effect<Manifest.ArchivedFile, BatchError> =>
      Effect.gen(function* () {
        const { hour, partition, records } = group
        const digest = RecordDigest.adder()
        for (const record of records) digest.add(record)
        const firstSequence = records[0]?.sequence ?? 0
        const lastSequence = records.at(-1)?.sequence ?? 0
        const name = fileName(group, firstSequence, lastSequence, manifest.epoch)
        const aside = path.join(directory, `${name}.tmp`)
        const copy = ParquetWriter.write(connection, columns, partition, records, path.resolve(aside))
        yield* disk.writeBy(aside, copy)
        const bytes = yield* disk.size(aside)
        yield* disk.rename(aside, path.join(directory, name))
        return { name, partition, hour, firstSequence, lastSequence, bytes, digest: digest.digest() }
      })

    const writeSegment = (from: number, records: ReadonlyArray<TopicRecord>) =>
      Effect.gen(function* () {
        const files = yield* Effect.forEach(groupsOf(records), writeFile)
        yield* disk.syncDirectory(directory)
        const through = records.at(-1)?.sequence ?? 0
        const segment: Manifest.Segment = { from, through, rows: records.length, files, verified: false }
        yield* commit({ ...manifest, segments: [...manifest.segments, segment] })
        return files.length
      })

    const skipGap = (from: number, firstSequence: number) => {
      // Before the first archived record nothing can be told missing: the archive begins where the topic does.
      if (firstSequence <= from || manifest.segments.length === 0) return Effect.void
      if (options.allowGaps !== true)
        return Effect.fail(fail(topic.name, new Missing({ from, firstSequence })))
      return commit({ ...manifest, gaps: [...manifest.gaps, { from, through: firstSequence - 1 }] })
    }

    const run: Archive["run"] = (limits) =>
      Effect.gen(function* () {
        const info = yield* Effect.mapError(topic.info, brokerFailed(`archive ${topic.name}`))
        const to = Math.min(info.lastSequence, limits?.through ?? Number.POSITIVE_INFINITY)
        let from = Manifest.through(manifest) + 1
        let archived = 0
        let files = 0
        if (to >= from) {
          yield* skipGap(from, info.records === 0 ? info.lastSequence + 1 : info.firstSequence)
          yield* topic.read({ from, to }).pipe(
            Stream.mapError(brokerFailed(`archive ${topic.name}`)),
            Stream.grouped(segmentRecords),
            Stream.runForEach((records) =>
              Effect.gen(function* () {
                files += yield* writeSegment(from, records)
                archived += records.length
                from = Manifest.through(manifest) + 1
              })
            )
          )
        }
        return { archived, files, through: Manifest.through(manifest) }
      })

    const verify: Archive["verify"] = Effect.gen(function* () {
      const segments: Array<Manifest.Segment> = []
      for (const segment of manifest.segments) {
        if (!segment.verified) {
          for (const file of segment.files) yield* readBack(connection, directory, file)
        }
        segments.push({ ...segment, verified: true })
      }
      if (manifest.segments.some((segment) => !segment.verified)) yield* commit({ ...manifest, segments })
      return Manifest.verifiedThrough(manifest)
    })

    const trim: Archive["trim"] = ({ below }) =>
      Effect.gen(function* () {
        const verifiedThrough = Manifest.verifiedThrough(manifest)
        if (below > verifiedThrough + 1) {
          return yield* fail(topic.name, new NotVerified({ below, verifiedThrough }))
        }
        return yield* Effect.mapError(topic.purge({ below }), brokerFailed(`trim ${topic.name}`))
      })

    return {
      directory,
      manifest: Effect.sync(() => manifest),
      run: (limits) => Effect.withSpan(run(limits), "Archive.run"),
      verify: Effect.withSpan(verify, "Archive.verify"),
      trim
    }
  })

const readBack = (
  connection: DuckDBConnection,
  directory: string,
  file: Manifest.ArchivedFile
): Effect.Effect<void, BatchError> =>
  Effect.gen(function* () {
    const where = path.resolve(directory, file.name).replaceAll("'", "''")
    const damaged = (found: string) =>
      new BatchError({ operation: "verify", reason: new Damaged({ path: file.name, found }) })
    const rows = yield* Effect.mapError(
      queryOn(connection)(
        `SELECT ${RecordDigest.sql}, min(sequence) AS first, max(sequence) AS last FROM read_parquet('${where}')`
      ),
      (error) => damaged(`cannot be read: ${error.message}`)
    )
    const expected = { ...file.digest, first: file.firstSequence, last: file.lastSequence }
    const row = rows[0]
    for (const [field, value] of Object.entries(expected)) {
      if (row?.[field] !== value) {
        return yield* damaged(`has ${field} ${String(row?.[field])} where the topic had ${value}`)
      }
    }
  })
