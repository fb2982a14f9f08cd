import type { AppendRequest } from "@troupe/broker"
import { Gzip, type InputDamaged } from "@troupe/clickstream"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Feeding from "../Feeding.ts"
import * as Feed from "./Feed.ts"
import * as RawTopic from "./RawTopic.ts"
import * as SocialEvent from "./SocialEvent.ts"
import * as SocialLines from "./SocialLines.ts"

/** The input file of the social feed cannot be read. */
export class FeedUnreadable extends Schema.TaggedError<FeedUnreadable>()("FeedUnreadable", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `Cannot read ${this.path}: ${this.detail}. Name a file of one JSON object a line, plain or gzipped, with --input.`
  }
}

/** What can stop a source. */
export type SourceError = FeedUnreadable | InputDamaged

/** Where the lines of the social feed come from; each as a record of the raw topic under its row, whatever it holds. */
export type Source = Feeding.Source<SourceError>

/** Rows appended together: one all-or-nothing append, well below the 1 000 records that one may have. */
const rowsPerPiece = 512

/**
 * A file of one JSON object a line, gzipped or not (told by its first two bytes). Rows are line numbers; `total` is in bytes.
 *
 * Every line but an empty one comes out once: bytes that are not UTF-8 as they are, a line over `SocialLines.lineBytesMax` cut and marked. Gzip
 * that is cut short or damaged fails with `InputDamaged`, after the lines before the damage.
 */
export const file = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<Source, FeedUnreadable, FileSystem.FileSystem> {
  const files = yield* FileSystem.FileSystem
  const unreadable = (error: { readonly message: string }) =>
    new FeedUnreadable({ path, detail: error.message })
  const info = yield* Effect.mapError(files.stat(path), unreadable)
  if (info.type !== "File") return yield* new FeedUnreadable({ path, detail: "it is not a file" })
  const total = Number(info.size)
  return {
    name: `${path.slice(path.lastIndexOf("/") + 1)} (${total} bytes)`,
    total,
    read: (fromRow) =>
      ofBytes(Stream.mapError(files.stream(path, { chunkSize: 65_536 }), unreadable), fromRow)
  }
})

/** What `file` gives, of any bytes. */
export const ofBytes = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  fromRow: number
): Stream.Stream<Feeding.Piece, E | InputDamaged, R> =>
  Stream.suspend(() => {
    let bytesRead = 0
    const pieces = SocialLines.make({ fromRow, rowsPerPiece, bytesRead: () => bytesRead })
    const counted = Stream.mapArray(bytes, (chunk) => {
      for (const piece of chunk) bytesRead += piece.length
      return chunk
    })
    return Gzip.gunzipIfNeeded(counted).pipe(
      Stream.mapAccumArray(
        () => pieces,
        (pieces, chunk) => [pieces, pieces.push(chunk)] as const
      ),
      // What was complete before the damage is good.
      Stream.catch((error) =>
        Stream.concat(
          Stream.suspend(() => Stream.fromArray(pieces.complete())),
          Stream.fail(error)
        )
      ),
      Stream.concat(Stream.suspend(() => Stream.fromArray(pieces.end())))
    )
  })

const withoutEnd = "without end, "

/** True for the name of a feed that goes on for ever: a topic that holds it never holds all of it. */
export const isEndless = (name: string): boolean => name.includes(withoutEnd)

/** A seeded feed: `events` lines over `days` days, or without end; the same for the same options. `total` is in lines. */
export const feed = (options: Omit<Feed.FeedOptions, "fromRow">): Source => {
  const { days = Feed.defaultDays, events, eventsPerDay = Feed.defaultEventsPerDay, seed } = options
  const shape =
    events === undefined ? `${withoutEnd}${eventsPerDay} a day` : `${events} lines over ${days} days`
  return {
    name: `social feed seed ${seed}, ${shape}`,
    total: events ?? Number.POSITIVE_INFINITY,
    read: (fromRow) =>
      Stream.suspend(() => {
        let lastRow = fromRow - 1
        // One chunk at a time: `fromIterable` would gather 4 096 of them before it gives the first.
        const chunks = Stream.fromIterable(Feed.chunks({ ...options, fromRow }, rowsPerPiece), {
          chunkSize: 1
        })
        return Stream.map(chunks, (lines): Feeding.Piece => {
          const requests = lines.map((line) => RawTopic.request(line, ++lastRow))
          return { requests, lastRow, done: lastRow }
        })
      })
  }
}

const rowOf = (request: AppendRequest): number => Number(request.headers?.[RawTopic.rowHeader] ?? 0)

/** The same source up to a row, under the same name: the rest can be fed to the same topic later. `total` is in rows. */
export const until = (source: Source, lastRow: number): Source => ({
  name: source.name,
  total: lastRow,
  read: (fromRow) =>
    fromRow > lastRow
      ? Stream.empty
      : source.read(fromRow).pipe(
          Stream.takeUntil((piece) => piece.lastRow >= lastRow),
          Stream.map((piece) => {
            if (piece.lastRow <= lastRow) return { ...piece, done: piece.lastRow }
            const requests = piece.requests.filter((request) => rowOf(request) <= lastRow)
            return { requests, lastRow, done: lastRow }
          })
        )
})

/** How fast: so many lines a second, or `speed` times as fast as the events' own times. */
export type Pace = { readonly perSecond: number } | { readonly speed: number }

/** Records due within so many milliseconds go together. */
const tickMillis = 20
/** Whoever is so far behind does not make up for it in one go. */
const behindMillis = 1000

const text = new TextDecoder()

/** When each of a source's records is due, in ms after the first; asked once for each, in order. */
const dueBy = (pace: Pace): ((request: AppendRequest) => number) => {
  if ("perSecond" in pace) {
    let sent = 0
    return () => (sent++ / pace.perSecond) * 1000
  }
  let first: number | undefined
  let newest = 0
  return ({ data }) => {
    const event = SocialEvent.parse(text.decode(data))
    if (Result.isSuccess(event)) {
      first ??= event.success.at
      newest = Math.max(newest, event.success.at)
    }
    return first === undefined ? 0 : Math.max(0, newest - first) / pace.speed
  }
}

/** The same source at a pace, kept over time: a slow append does not slow the rest. */
export const paced = (source: Source, pace: Pace): Source => ({
  ...source,
  read: (fromRow) =>
    Stream.suspend(() => {
      const due = dueBy(pace)
      let begun: number | undefined
      let before: number | undefined
      return source.read(fromRow).pipe(
        Stream.flatMap((piece) => {
          const cut = ticks(piece, due, before ?? piece.done)
          before = piece.done
          return Stream.fromArray(cut)
        }),
        Stream.mapEffect(
          Effect.fnUntraced(function* ({ dueMillis, piece }) {
            const now = yield* Clock.currentTimeMillis
            begun ??= now - dueMillis
            const wait = begun + dueMillis - now
            if (wait < -behindMillis) begun -= wait + behindMillis
            if (wait > 0) yield* Effect.sleep(wait)
            return piece
          })
        )
      )
    })
})

/** A piece cut into pieces whose records are due within one tick, each as far as it is of the way from `before`. */
const ticks = (
  piece: Feeding.Piece,
  due: (request: AppendRequest) => number,
  before: number
): ReadonlyArray<{ readonly dueMillis: number; readonly piece: Feeding.Piece }> => {
  const { done, lastRow, requests } = piece
  const cut: Array<{ dueMillis: number; piece: Feeding.Piece }> = []
  const add = (from: number, to: number, dueMillis: number) => {
    const part = requests.slice(from, to)
    const last = to < requests.length ? part.at(-1) : undefined
    cut.push({
      dueMillis,
      piece:
        last === undefined
          ? { requests: part, lastRow, done }
          : {
              requests: part,
              lastRow: rowOf(last),
              done: before + Math.floor(((done - before) * to) / requests.length)
            }
    })
  }
  let from = 0
  let fromMillis = 0
  for (const [i, request] of requests.entries()) {
    const dueMillis = due(request)
    if (i > from && dueMillis >= fromMillis + tickMillis) {
      add(from, i, fromMillis)
      from = i
    }
    if (i === from) fromMillis = dueMillis
  }
  add(from, requests.length, fromMillis)
  return cut
}
