import type { ClickEvent } from "@troupe/clickstream"
import {
  ClickReader,
  type HeaderInvalid,
  type InputDamaged,
  type Reject,
  Simulator
} from "@troupe/clickstream"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** The input file cannot be read. */
export class InputUnreadable extends Schema.TaggedError<InputUnreadable>()("InputUnreadable", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `Cannot read ${this.path}: ${this.detail}. Name a CSV file, plain or gzipped, with --input.`
  }
}

/** Some rows of the source. */
export interface Chunk {
  readonly events: ReadonlyArray<ClickEvent>
  readonly rejects: ReadonlyArray<Reject.Reject>
  /** Last row of this chunk. */
  readonly lastRow: number
  /** How far the source is read, in `total`'s unit. */
  readonly done: number
}

/** Where clicks come from: a file, or the simulator. */
export interface Source {
  /** Names the input; a run's directory belongs to one input only. */
  readonly name: string
  /** The whole of it: bytes of a file, or events of the simulator. */
  readonly total: number
  /** The rows from `fromRow` (1-based) on. */
  readonly read: (fromRow: number) => Stream.Stream<Chunk, InputUnreadable | HeaderInvalid | InputDamaged>
}

/** Rows appended together: one all-or-nothing append, well below the 1 000 records that one may have. */
const rowsPerChunk = 512

/** A CSV file of one of the known formats, gzipped or not. */
export const file = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<Source, InputUnreadable, FileSystem.FileSystem> {
  const files = yield* FileSystem.FileSystem
  const unreadable = (error: { readonly message: string }) =>
    new InputUnreadable({ path, detail: error.message })
  const info = yield* Effect.mapError(files.stat(path), unreadable)
  if (info.type !== "File") return yield* new InputUnreadable({ path, detail: "it is not a file" })
  const total = Number(info.size)
  return {
    name: `${path.slice(path.lastIndexOf("/") + 1)} (${total} bytes)`,
    total,
    read: (fromRow) =>
      ClickReader.read(Stream.mapError(files.stream(path, { chunkSize: 65_536 }), unreadable), {
        fromRow,
        rowsPerChunk
      }).pipe(Stream.map((chunk) => ({ ...chunk, done: chunk.bytesRead })))
  }
})

/** Seeded shoppers: the same events for the same seed; `events` of them, or without end. */
export const simulator = (options: { readonly seed: number; readonly events?: number }): Source => ({
  name: `simulator seed ${options.seed}, ${options.events ?? "endless"} events`,
  total: options.events ?? Number.POSITIVE_INFINITY,
  read: (fromRow) =>
    // One chunk at a time: `fromIterable` would gather 4 096 of them before it gives the first.
    Stream.fromIterable(Simulator.chunks({ ...options, fromRow }, rowsPerChunk), { chunkSize: 1 }).pipe(
      Stream.map((events) => {
        const lastRow = events.at(-1)?.row ?? 0
        return { events, rejects: [], lastRow, done: lastRow }
      })
    )
})

/** The same source at the pace of its own events' times, `speed` times as fast. */
export const paced = (source: Source, speed: number): Source => ({
  ...source,
  read: (fromRow) => {
    let before: number | undefined
    return source.read(fromRow).pipe(
      Stream.flatMap((chunk) => Stream.fromArray(singles(chunk))),
      Stream.tap((chunk) => {
        const now = chunk.events[0]?.timeMillis
        const wait = now === undefined || before === undefined ? 0 : Math.max(0, now - before) / speed
        before = now ?? before
        return wait > 0 ? Effect.sleep(wait) : Effect.void
      })
    )
  }
})

/** A chunk cut into chunks of events of one and the same moment; the rejects go with the first. */
const singles = (chunk: Chunk): ReadonlyArray<Chunk> => {
  const cut: Array<Chunk> = []
  let from = 0
  for (let i = 1; i <= chunk.events.length; i++) {
    if (i < chunk.events.length && chunk.events[i]?.timeMillis === chunk.events[from]?.timeMillis) continue
    const events = chunk.events.slice(from, i)
    const lastRow = i === chunk.events.length ? chunk.lastRow : (events.at(-1)?.row ?? chunk.lastRow)
    cut.push({ events, rejects: from === 0 ? chunk.rejects : [], lastRow, done: chunk.done })
    from = i
  }
  return cut.length === 0 ? [chunk] : cut
}
