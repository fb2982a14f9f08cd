/**
 * A streaming reader of lines: bytes in pieces of any size, whole lines out, each with its number.
 *
 * Lines end with LF or CRLF, the last one with the end of the bytes too. Where pieces are cut never changes the outcome. No more is held than
 * one line up to the limit.
 */

/** A line's bytes without its end; beyond the limit only the first of them. */
export interface Line {
  /** From 1; empty lines count. */
  readonly number: number
  readonly bytes: Uint8Array
  /** How many bytes the line has; more than `bytes` when it is over the limit. */
  readonly length: number
}

/** Where a reader stands between two pieces; owned by the reader that made it. */
export interface NdjsonLines {
  /** Takes a piece and appends the lines that are complete now to `into`. Lines may refer to the piece's memory. */
  readonly push: (piece: Uint8Array, into: Array<Line>) => void
  /** Ends the bytes: what is left, if anything, is the last line. */
  readonly end: (into: Array<Line>) => void
  /** Number of the last complete line. */
  readonly lines: () => number
}

const lineFeed = 10
const carriageReturn = 13

/** Makes a reader at line 1 that holds at most `limit` bytes of a line. */
export const make = (limit: number): NdjsonLines => {
  // One byte more than the limit: it may be the CR of the line's end.
  const held = new Uint8Array(limit + 1)
  let heldLength = 0
  /** Bytes of the line under way, held or not, and the last of them. */
  let length = 0
  let lastByte = 0
  let lines = 0

  const hold = (piece: Uint8Array, from: number, to: number) => {
    if (to === from) return
    const room = Math.min(to - from, held.length - heldLength)
    held.set(piece.subarray(from, from + room), heldLength)
    heldLength += room
    length += to - from
    lastByte = piece[to - 1] as number
  }

  const line = (bytes: Uint8Array, whole: number, last: number | undefined, into: Array<Line>) => {
    lines++
    const without = last === carriageReturn ? whole - 1 : whole
    if (without === 0) return
    into.push({ number: lines, bytes: bytes.subarray(0, Math.min(without, limit)), length: without })
  }

  const finish = (into: Array<Line>) => {
    line(held.slice(0, heldLength), length, lastByte, into)
    heldLength = 0
    length = 0
    lastByte = 0
  }

  return {
    push: (piece, into) => {
      let at = 0
      for (;;) {
        const end = piece.indexOf(lineFeed, at)
        if (end < 0) {
          hold(piece, at, piece.length)
          return
        }
        if (length === 0) line(piece.subarray(at, end), end - at, end > at ? piece[end - 1] : undefined, into)
        else {
          hold(piece, at, end)
          finish(into)
        }
        at = end + 1
      }
    },
    end: (into) => {
      if (length > 0) finish(into)
    },
    lines: () => lines
  }
}
