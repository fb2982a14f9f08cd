import { comparePlaces, type LogPoint } from "../log/LogPoint.ts"
import type { RawLog } from "../log/RawLog.ts"
import type { Segment } from "../log/Segment.ts"
import { segmentHeaderBytes } from "../log/SegmentHeader.ts"
import type { Ack, Place } from "./Frame.ts"

/** How much may be under way to one replica. */
export interface Window {
  /** Bytes that are not answered yet. */
  readonly bytes: number
  /** Frames that are not answered yet. */
  readonly frames: number
  /** Largest piece in one frame. */
  readonly pieceBytes: number
}

/** A piece of a segment's file to send. `gone`: retention removed what the replica needs. */
export type Piece =
  | { readonly _tag: "Piece"; readonly at: Place; readonly bytes: Uint8Array }
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Nothing" }

/** The bytes of segment `segment` that are synced. */
const syncedBytes = (segment: Segment, synced: LogPoint): number => {
  if (segment.baseSequence < synced.segment) return segment.size
  return segment.baseSequence === synced.segment ? synced.position : 0
}

/** Bytes between two places of a log. */
export const bytesBetween = (segments: ReadonlyArray<Segment>, from: Place, to: Place): number => {
  if (comparePlaces(from, to) >= 0) return 0
  let bytes = 0
  for (const segment of segments) {
    const begin = segment.baseSequence === from.segment ? from.position : 0
    const end = segment.baseSequence === to.segment ? to.position : segment.size
    if (segment.baseSequence >= from.segment && segment.baseSequence <= to.segment) bytes += end - begin
  }
  return bytes
}

/** What is under way to one replica in one conversation. A state machine without Effect or clock. */
export class Outgoing {
  readonly session: number
  private readonly window: Window
  /** The next byte to send. */
  private place: Place
  /** The byte the replica expects, as far as it has told. */
  private expected: Place
  private readonly unanswered: Array<Place> = []

  constructor(session: number, place: Place, window: Window) {
    this.session = session
    this.place = place
    this.expected = place
    this.window = window
  }

  /** The next byte that will be sent. */
  get next(): Place {
    return this.place
  }

  /** The next piece, as far as the window and the primary's disk allow; only what is synced is ever sent. */
  piece(raw: RawLog): Piece {
    const underWay = bytesBetween(raw.segments, this.expected, this.place)
    const room = Math.min(this.window.bytes - underWay, this.window.pieceBytes)
    if (room < 1 || this.unanswered.length >= this.window.frames) return { _tag: "Nothing" }
    const synced = raw.syncedPoint
    const k = raw.segments.findIndex((segment) => segment.baseSequence === this.place.segment)
    if (k < 0) return { _tag: "Gone" }
    let segment = raw.segments[k] as Segment
    let position = this.place.position
    const following = raw.segments[k + 1]
    if (position >= segment.size && following !== undefined && following.baseSequence <= synced.segment) {
      segment = following
      position = 0
    }
    const length = Math.min(syncedBytes(segment, synced) - position, Math.max(room, segmentHeaderBytes))
    if (length <= 0) return { _tag: "Nothing" }
    const at = { segment: segment.baseSequence, position }
    return { _tag: "Piece", at, bytes: raw.bytesAt(segment, position, length) }
  }

  /** A piece was handed to the transport. */
  sent(at: Place, bytes: number): void {
    this.place = { segment: at.segment, position: at.position + bytes }
    this.unanswered.push(this.place)
  }

  /** A replica's answer: frees the window, and goes back when something is missing. An answer that was overtaken says nothing. */
  answered(ack: Pick<Ack, "next" | "again">): void {
    if (comparePlaces(ack.next, this.expected) < 0) return
    this.expected = ack.next
    while (this.unanswered.length > 0 && comparePlaces(this.unanswered[0] as Place, ack.next) <= 0) {
      this.unanswered.shift()
    }
    const order = comparePlaces(ack.next, this.place)
    // Ahead of what was sent: it had that already.
    if (order < 0 && !ack.again) return
    this.place = ack.next
    if (order < 0) this.unanswered.length = 0
  }
}
