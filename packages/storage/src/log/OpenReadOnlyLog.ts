import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { FileSystem } from "../disk/FileSystem.ts"
import { readFully } from "../disk/WholeFile.ts"
import { batchHeaderBytes } from "./BatchHeader.ts"
import type { BatchView } from "./BatchView.ts"
import { markDeleted } from "./DeleteNote.ts"
import { FileWindow } from "./FileWindow.ts"
import { attempt } from "./LogAttempt.ts"
import { isLogError, LogCorrupt, type LogError, LogFailed } from "./LogError.ts"
import { baseOfSegmentName, inDirectory, segmentName, stateName } from "./LogFiles.ts"
import { logIdSeed } from "./LogId.ts"
import { LogReader } from "./LogReader.ts"
import { stateHeaderBytes } from "./LogState.ts"
import type { ReadOnlyLog, RecordAt } from "./ReadableLog.ts"
import { surveyReadable } from "./Recovery.ts"
import { Segment } from "./Segment.ts"
import { walkSegment } from "./SegmentWalk.ts"
import type { SubjectFilter } from "./SubjectFilter.ts"
import { readSegmentHeader } from "./Survey.ts"

const followBytes = 256 * 1024
const scanBytes = 1024 * 1024
/** Surveys in a row that a writer may spoil by removing a file that was listed. */
const surveysMax = 20

const isGone = (error: unknown): boolean =>
  isLogError(error)
    ? error._tag === "LogFailed" && (error.code === "ENOENT" || error.code === "REWRITTEN")
    : error instanceof Error && "code" in error && error.code === "ENOENT"

/** A log as another process than its writer has it: what was there when it was opened, and what `refresh` took in since. */
export class OpenReadOnlyLog implements ReadOnlyLog {
  damage: LogCorrupt | undefined
  private readonly fs: FileSystem
  private readonly directory: string
  private readonly indexSpacing: number
  private readonly segments: Array<Segment> = []
  private readonly reader: LogReader
  private stateMark = ""

  constructor(fs: FileSystem, directory: string, indexSpacing: number) {
    this.fs = fs
    this.directory = directory
    this.indexSpacing = indexSpacing
    this.survey()
    if (this.segments.length === 0)
      throw new LogFailed({ operation: "open", file: directory, code: "ENOENT" })
    this.reader = new LogReader(fs, this.segments, true)
  }

  get firstSequence(): number {
    return this.reader.firstSequence
  }

  get endSequence(): number {
    return this.last.nextSequence
  }

  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.size, 0)
  }

  get lastTimeMillis(): number {
    return this.segments.reduce((latest, s) => Math.max(latest, s.maxTimeMillis), Number.NEGATIVE_INFINITY)
  }

  read(from: number, maxBytes: number, filter?: SubjectFilter): ReadonlyArray<BatchView> {
    return this.sure(() => this.reader.read(from, maxBytes, this.endSequence, filter))
  }

  lend(from: number, maxBytes: number, filter?: SubjectFilter): ReadonlyArray<BatchView> {
    return this.sure(() => this.reader.lend(from, maxBytes, this.endSequence, filter))
  }

  scan(options?: { readonly from?: number; readonly maxBytes?: number }): Iterable<ReadonlyArray<BatchView>> {
    return this.reader.scan(options?.from ?? this.firstSequence, options?.maxBytes ?? scanBytes)
  }

  recordAt(sequence: number): RecordAt | undefined {
    return this.sure(() => this.reader.at(sequence, this.endSequence))
  }

  sequenceAt(timeMillis: number): number {
    return this.sure(() => this.reader.sequenceAt(timeMillis, this.endSequence))
  }

  refresh(): number {
    // Damage stays where it is: what is after it is never read.
    if (this.damage !== undefined) return this.endSequence
    try {
      if (!this.grow()) this.surveyAgain()
    } catch (error) {
      if (!isGone(error)) throw error
      this.surveyAgain()
    }
    return this.endSequence
  }

  follow(
    from: number,
    options: { readonly everyMillis: number; readonly maxBytes?: number; readonly filter?: SubjectFilter }
  ): Stream.Stream<BatchView, LogError> {
    const maxBytes = options.maxBytes ?? followBytes
    const next = (sequence: number): Effect.Effect<ReadonlyArray<BatchView>, LogError> =>
      attempt("read", this.directory, () => {
        if (this.endSequence <= sequence) this.refresh()
        return this.read(sequence, maxBytes, options.filter)
      }).pipe(
        Effect.flatMap((batches) =>
          batches.length > 0
            ? Effect.succeed(batches)
            : Effect.delay(
                Effect.suspend(() => next(sequence)),
                options.everyMillis
              )
        )
      )
    return Stream.paginate(from, (sequence) =>
      Effect.map(next(sequence), (batches) => {
        const last = batches[batches.length - 1] as BatchView
        return [batches, Option.some(last.nextSequence)] as const
      })
    )
  }

  /** Gives all handles back. */
  close(): void {
    this.reader.close()
  }

  private get last(): Segment {
    return this.segments[this.segments.length - 1] as Segment
  }

  /** Runs a read; when the writer has replaced or removed a file of ours meanwhile, looks again and runs it once more. */
  private sure<A>(run: () => A): A {
    for (let tries = 1; ; tries++) {
      try {
        return run()
      } catch (error) {
        if (tries === surveysMax || !isGone(error)) throw error
        this.surveyAgain()
      }
    }
  }

  /** Takes in what came after the last batch; false when the files are not those that it knows. */
  private grow(): boolean {
    const { fs, directory, segments } = this
    const names = fs.list(directory) ?? []
    // Every compaction ends in another state file.
    if (this.stateMarkIn(names) !== this.stateMark) return false
    const bases = names
      .map(baseOfSegmentName)
      .filter((base) => base !== undefined)
      .sort((a, b) => a - b)
    while (segments.length > 1 && !bases.includes((segments[0] as Segment).baseSequence)) this.drop()
    if (segments.some((segment) => !bases.includes(segment.baseSequence))) return false
    for (;;) {
      const { last } = this
      // Rewritten meanwhile, or as it was when it was full.
      const end = this.walk(last)
      const next = bases.find((base) => base > last.baseSequence)
      if (next === undefined || end !== "Clean") return end !== "Other"
      if (next !== last.nextSequence) return false
      const path = inDirectory(directory, segmentName(next))
      const { header } = readSegmentHeader(fs, path, next, last.header)
      if (header instanceof LogCorrupt || header.previousChain !== last.endChain) return false
      segments.push(new Segment(path, header, this.indexSpacing))
    }
  }

  private walk(segment: Segment): "Clean" | "Bad" | "Other" {
    const { fs } = this
    const file = fs.open(segment.path, "read")
    try {
      const { header } = readSegmentHeader(fs, segment.path, segment.baseSequence, undefined)
      if (header instanceof LogCorrupt || header.generation !== segment.header.generation) return "Other"
      const size = fs.size(file)
      if (size < segment.size) return "Other"
      // Nothing new, and what the file is ahead need not be looked at each time.
      const head = new Uint8Array(batchHeaderBytes)
      const got = readFully(fs, file, head, 0, batchHeaderBytes, segment.size)
      if (got > 0 && head.every((byte) => byte === 0)) return "Bad"
      const seed = logIdSeed(segment.header.logId)
      const end = walkSegment(segment, new FileWindow(fs, file, size), seed, (first, last) => {
        this.reader.forgetPoint()
        const from = Math.max(first, this.firstSequence)
        if (from <= last) markDeleted(this.segments, from, last)
      })
      return end._tag === "Clean" ? "Clean" : "Bad"
    } finally {
      fs.close(file)
    }
  }

  private stateMarkIn(names: ReadonlyArray<string>): string {
    if (!names.includes(stateName)) return ""
    const bytes = new Uint8Array(stateHeaderBytes)
    const file = this.fs.open(inDirectory(this.directory, stateName), "read")
    try {
      readFully(this.fs, file, bytes, 0, stateHeaderBytes, 0)
    } finally {
      this.fs.close(file)
    }
    return String(bytes)
  }

  private drop(): void {
    const segment = this.segments.shift()
    if (segment !== undefined) this.reader.forget(segment)
  }

  private surveyAgain(): void {
    const old = this.segments.slice()
    this.survey()
    for (const segment of old) this.reader.forget(segment)
  }

  private survey(): void {
    for (let tries = 1; ; tries++) {
      try {
        // Before the survey: what changes meanwhile is seen by the next refresh.
        this.stateMark = this.stateMarkIn(this.fs.list(this.directory) ?? [])
        const found = surveyReadable(this.fs, this.directory, this.indexSpacing)
        this.segments.splice(0, this.segments.length, ...found.segments)
        this.damage = found.damage
        return
      } catch (error) {
        if (tries === surveysMax || !isGone(error)) throw error
      }
    }
  }
}
