import type { AppendRequest } from "@troupe/broker"
import type * as Feeding from "../Feeding.ts"
import * as NdjsonLines from "./NdjsonLines.ts"
import * as RawTopic from "./RawTopic.ts"

/** The longest line that is taken as it is, in bytes: a thousand times an event's. */
export const lineBytesMax = 65_536
/** Most bytes of one piece, one line more or less: what every broker takes at once. */
const pieceBytesMax = 524_288

const byteOrderMark = [0xef, 0xbb, 0xbf]

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder("utf-8", { ignoreBOM: true })

/** The line as a record: an event, or what is none, as it came in; what is too long, cut and marked as cut. */
const requestOf = ({ bytes, length, number }: NdjsonLines.Line): AppendRequest => {
  if (length > bytes.length) {
    const mark = `… [cut: line ${number} has ${length} bytes, at most ${lineBytesMax} are taken]`
    return RawTopic.request(lenient.decode(bytes) + mark, number)
  }
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    return RawTopic.bytesRequest(bytes.slice(), number)
  }
  return RawTopic.request(text, number)
}

const withoutMark = (line: NdjsonLines.Line): NdjsonLines.Line =>
  byteOrderMark.every((byte, i) => line.bytes[i] === byte)
    ? { ...line, bytes: line.bytes.subarray(3), length: line.length - 3 }
    : line

/** Makes the pieces of one file: bytes in, full pieces out; what is not full yet comes with what follows. */
export interface SocialLines {
  readonly push: (bytes: ReadonlyArray<Uint8Array>) => ReadonlyArray<Feeding.Piece>
  /** What is left of the lines that are complete. */
  readonly complete: () => ReadonlyArray<Feeding.Piece>
  /** The same with the last line, which the end of the bytes completes. */
  readonly end: () => ReadonlyArray<Feeding.Piece>
}

/** Reads lines from the first; gives out those from `fromRow` on. */
export const make = (options: {
  readonly fromRow: number
  readonly rowsPerPiece: number
  readonly bytesRead: () => number
}): SocialLines => {
  const { bytesRead, fromRow, rowsPerPiece } = options
  const lines = NdjsonLines.make(lineBytesMax)
  let requests: Array<AppendRequest> = []
  let requestsBytes = 0
  let given = fromRow - 1

  const give = (lastRow: number, into: Array<Feeding.Piece>) => {
    into.push({ requests, lastRow, done: bytesRead() })
    requests = []
    requestsBytes = 0
    given = lastRow
  }

  const take = (read: ReadonlyArray<NdjsonLines.Line>, into: Array<Feeding.Piece>) => {
    for (const line of read) {
      const marked = line.number === 1 ? withoutMark(line) : line
      if (line.number < fromRow || marked.length === 0) continue
      const request = requestOf(marked)
      requests.push(request)
      requestsBytes += request.data.length
      if (requests.length >= rowsPerPiece || requestsBytes >= pieceBytesMax) give(line.number, into)
    }
  }

  const complete = (into: Array<Feeding.Piece>): ReadonlyArray<Feeding.Piece> => {
    if (lines.lines() > given) give(lines.lines(), into)
    return into
  }

  return {
    push: (bytes) => {
      const into: Array<Feeding.Piece> = []
      for (const piece of bytes) {
        const read: Array<NdjsonLines.Line> = []
        lines.push(piece, read)
        take(read, into)
      }
      return into
    },
    complete: () => complete([]),
    end: () => {
      const into: Array<Feeding.Piece> = []
      const read: Array<NdjsonLines.Line> = []
      lines.end(read)
      take(read, into)
      return complete(into)
    }
  }
}
