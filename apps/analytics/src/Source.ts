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
        rowsPerChunk: 512
      }).pipe(Stream.map((chunk) => ({ ...chunk, done: chunk.bytesRead })))
  }
})

/** Seeded shoppers: the same events for the same seed and count. */
export const simulator = (options: { readonly seed: number; readonly events: number }): Source => ({
  name: `simulator seed ${options.seed}, ${options.events} events`,
  total: options.events,
  read: (fromRow) =>
    Stream.fromIterable(Simulator.chunks({ seed: options.seed, events: options.events, fromRow }, 512)).pipe(
      Stream.map((events) => {
        const lastRow = events.at(-1)?.row ?? 0
        return { events, rejects: [], lastRow, done: lastRow }
      })
    )
})
