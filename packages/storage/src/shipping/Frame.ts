import { crc32c } from "../log/Crc32c.ts"
import { readU64, writeU64 } from "../log/LittleEndian.ts"
import type { LogId } from "../log/LogId.ts"
import type { LogPoint } from "../log/LogPoint.ts"
import { type EpochStart, epochsMax } from "./EpochTable.ts"

/** Largest piece of a log's files in one frame: a frame fits into one record of every broker. */
export const pieceBytesMax: number = 512 * 1024 - 256

/** The version this code writes and the only one it reads. */
export const frameVersion = 1

/** Bytes of the header every frame begins with. */
export const frameHeaderBytes = 32

/** What a frame is for. */
export const frameKind = { hello: 1, welcome: 2, bytes: 3, ack: 4, fence: 5 } as const

/** Bits of a frame's `flags`, each for the kind that its name begins with. */
export const frameFlag = { helloWantsSnapshot: 1, bytesAckReceived: 2, ackAgain: 4 } as const

/** What a primary answers a hello with. */
export const welcomeDecision = { stream: 1, snapshotBehind: 2, snapshotDiverged: 3, otherLog: 4 } as const

/** Where each field is; `docs/shipping-format.md` is checked against this. Payload places count from the frame's start. */
export const frameAt = {
  header: {
    crc: 0,
    length: 4,
    version: 8,
    kind: 9,
    flags: 10,
    epoch: 12,
    logId: 16,
    session: 24,
    reserved: 28
  },
  point: { segment: 0, position: 8, chain: 12, sequence: 16 },
  hello: { end: 32, committed: 56, epochs: 64, reserved: 68, table: 72 },
  epoch: { epoch: 0, reserved: 4, start: 8 },
  welcome: { decision: 32, heartbeatMillis: 36, point: 40 },
  bytes: { segment: 32, position: 40, reserved: 44, endSequence: 48, endTime: 56, committed: 64, piece: 72 },
  ack: {
    nextSegment: 32,
    nextPosition: 40,
    reserved: 44,
    durableSegment: 48,
    durablePosition: 56,
    reserved2: 60,
    received: 64,
    durable: 72,
    applied: 80
  }
} as const

/** Bytes of a point, and of one line of the epoch table. */
export const pointBytes = 24
export const epochBytes = 32

/** A place in a log's files. */
export interface Place {
  readonly segment: number
  readonly position: number
}

interface Common {
  /** The log it is about; both halves 0 from a replica that has none yet. */
  readonly logId: LogId
  /** The largest epoch the sender knows. */
  readonly epoch: number
  /** Drawn by the replica for each hello: frames of an older conversation are dropped. */
  readonly session: number
}

/** A replica introduces itself: what it has. */
export interface Hello extends Common {
  readonly _tag: "Hello"
  readonly end: LogPoint
  /** Everything below this sequence was acknowledged at the primary's level: it must not be cut. */
  readonly committed: number
  readonly epochs: ReadonlyArray<EpochStart>
  /** True when its log does not continue the primary's: it wants all of it anew. */
  readonly wantsSnapshot: boolean
}

/** The primary's answer: where the replica goes on. */
export interface Welcome extends Common {
  readonly _tag: "Welcome"
  readonly decision: (typeof welcomeDecision)[keyof typeof welcomeDecision]
  readonly heartbeatMillis: number
  /** To stream from (cutting what is after it), or where a snapshot begins. */
  readonly point: LogPoint
}

/** A piece of a segment file, byte for byte; without bytes it is a heartbeat that says how far the primary is. */
export interface Bytes extends Common {
  readonly _tag: "Bytes"
  readonly at: Place
  /** The sequence after the primary's last synced record, and that record's time. */
  readonly endSequence: number
  readonly endTimeMillis: number
  /** Everything below this sequence is acknowledged at the primary's level. */
  readonly committed: number
  /** True asks for an answer at once, not only when it is synced. */
  readonly ackReceived: boolean
  readonly piece: Uint8Array
}

/** How far a replica is. */
export interface Ack extends Common {
  readonly _tag: "Ack"
  /** The next byte it expects. */
  readonly next: Place
  readonly durableAt: Place
  /** The sequences after the last record that is written, synced, and applied. */
  readonly received: number
  readonly durable: number
  readonly applied: number
  /** True: something between is missing, send again from `next`. */
  readonly again: boolean
}

/** A larger epoch has begun: whoever is primary in an older one is deposed. */
export interface Fence extends Common {
  readonly _tag: "Fence"
}

/** One message between a primary and a replica. */
export type Frame = Hello | Welcome | Bytes | Ack | Fence

/** The answer of `decodeFrame`: a frame, or a sentence that says what is wrong with the bytes. */
export type Decoded = Frame | { readonly _tag: "Damaged"; readonly reason: string }

const open = (kind: number, flags: number, length: number, frame: Common): [Uint8Array, DataView] => {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  const at = frameAt.header
  view.setUint32(at.length, length, true)
  view.setUint8(at.version, frameVersion)
  view.setUint8(at.kind, kind)
  view.setUint16(at.flags, flags, true)
  view.setUint32(at.epoch, frame.epoch, true)
  view.setUint32(at.logId, frame.logId.low, true)
  view.setUint32(at.logId + 4, frame.logId.high, true)
  view.setUint32(at.session, frame.session, true)
  return [bytes, view]
}

const seal = (bytes: Uint8Array, view: DataView): Uint8Array => {
  view.setUint32(frameAt.header.crc, crc32c(bytes, 4), true)
  return bytes
}

const writePoint = (view: DataView, at: number, point: LogPoint): void => {
  writeU64(view, at + frameAt.point.segment, point.segment)
  view.setUint32(at + frameAt.point.position, point.position, true)
  view.setUint32(at + frameAt.point.chain, point.chain, true)
  writeU64(view, at + frameAt.point.sequence, point.sequence)
}

const readPoint = (view: DataView, at: number): LogPoint => ({
  segment: readU64(view, at + frameAt.point.segment),
  position: view.getUint32(at + frameAt.point.position, true),
  chain: view.getUint32(at + frameAt.point.chain, true),
  sequence: readU64(view, at + frameAt.point.sequence)
})

/** The bytes of a frame. */
export const encodeFrame = (frame: Frame): Uint8Array => {
  switch (frame._tag) {
    case "Hello": {
      const at = frameAt.hello
      const flags = frame.wantsSnapshot ? frameFlag.helloWantsSnapshot : 0
      const length = at.table + frame.epochs.length * epochBytes
      const [bytes, view] = open(frameKind.hello, flags, length, frame)
      writePoint(view, at.end, frame.end)
      writeU64(view, at.committed, frame.committed)
      view.setUint32(at.epochs, frame.epochs.length, true)
      for (const [i, { epoch, start }] of frame.epochs.entries()) {
        view.setUint32(at.table + i * epochBytes + frameAt.epoch.epoch, epoch, true)
        writePoint(view, at.table + i * epochBytes + frameAt.epoch.start, start)
      }
      return seal(bytes, view)
    }
    case "Welcome": {
      const at = frameAt.welcome
      const [bytes, view] = open(frameKind.welcome, 0, at.point + pointBytes, frame)
      view.setUint32(at.decision, frame.decision, true)
      view.setUint32(at.heartbeatMillis, frame.heartbeatMillis, true)
      writePoint(view, at.point, frame.point)
      return seal(bytes, view)
    }
    case "Bytes": {
      const at = frameAt.bytes
      const flags = frame.ackReceived ? frameFlag.bytesAckReceived : 0
      const [bytes, view] = open(frameKind.bytes, flags, at.piece + frame.piece.length, frame)
      writeU64(view, at.segment, frame.at.segment)
      view.setUint32(at.position, frame.at.position, true)
      writeU64(view, at.endSequence, frame.endSequence)
      view.setFloat64(at.endTime, frame.endTimeMillis, true)
      writeU64(view, at.committed, frame.committed)
      bytes.set(frame.piece, at.piece)
      return seal(bytes, view)
    }
    case "Ack": {
      const at = frameAt.ack
      const flags = frame.again ? frameFlag.ackAgain : 0
      const [bytes, view] = open(frameKind.ack, flags, at.applied + 8, frame)
      writeU64(view, at.nextSegment, frame.next.segment)
      view.setUint32(at.nextPosition, frame.next.position, true)
      writeU64(view, at.durableSegment, frame.durableAt.segment)
      view.setUint32(at.durablePosition, frame.durableAt.position, true)
      writeU64(view, at.received, frame.received)
      writeU64(view, at.durable, frame.durable)
      writeU64(view, at.applied, frame.applied)
      return seal(bytes, view)
    }
    case "Fence":
      return seal(...open(frameKind.fence, 0, frameHeaderBytes, frame))
  }
}

const damaged = (reason: string): Decoded => ({ _tag: "Damaged", reason })

/** Reads a frame; never throws, whatever the bytes, and copies nothing. */
export const decodeFrame = (bytes: Uint8Array): Decoded => {
  if (bytes.length < frameHeaderBytes) return damaged(`${bytes.length} bytes are no frame`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const head = frameAt.header
  if (view.getUint32(head.length, true) !== bytes.length) return damaged("another length")
  if (view.getUint32(head.crc, true) !== crc32c(bytes, 4)) return damaged("another checksum")
  const version = bytes[head.version] as number
  if (version !== frameVersion) return damaged(`frame version ${version}; upgrade @troupe/storage`)
  const flags = view.getUint16(head.flags, true)
  const common = {
    logId: { low: view.getUint32(head.logId, true), high: view.getUint32(head.logId + 4, true) },
    epoch: view.getUint32(head.epoch, true),
    session: view.getUint32(head.session, true)
  }
  const kind = bytes[head.kind]
  const { length } = bytes
  if (kind === frameKind.hello) {
    const at = frameAt.hello
    if (length < at.table) return damaged("a hello that is too short")
    const count = view.getUint32(at.epochs, true)
    if (count > epochsMax || length !== at.table + count * epochBytes)
      return damaged("a hello of another length")
    return {
      _tag: "Hello",
      ...common,
      end: readPoint(view, at.end),
      committed: readU64(view, at.committed),
      epochs: Array.from({ length: count }, (_, i) => ({
        epoch: view.getUint32(at.table + i * epochBytes + frameAt.epoch.epoch, true),
        start: readPoint(view, at.table + i * epochBytes + frameAt.epoch.start)
      })),
      wantsSnapshot: (flags & frameFlag.helloWantsSnapshot) !== 0
    }
  }
  if (kind === frameKind.welcome) {
    const at = frameAt.welcome
    if (length !== at.point + pointBytes) return damaged("a welcome of another length")
    const decision = Object.values(welcomeDecision).find((d) => d === view.getUint32(at.decision, true))
    if (decision === undefined) return damaged("a welcome that decides nothing known")
    const heartbeatMillis = view.getUint32(at.heartbeatMillis, true)
    return { _tag: "Welcome", ...common, decision, heartbeatMillis, point: readPoint(view, at.point) }
  }
  if (kind === frameKind.bytes) {
    const at = frameAt.bytes
    if (length < at.piece || length > at.piece + pieceBytesMax) return damaged("a piece of another length")
    return {
      _tag: "Bytes",
      ...common,
      at: { segment: readU64(view, at.segment), position: view.getUint32(at.position, true) },
      endSequence: readU64(view, at.endSequence),
      endTimeMillis: view.getFloat64(at.endTime, true),
      committed: readU64(view, at.committed),
      ackReceived: (flags & frameFlag.bytesAckReceived) !== 0,
      piece: bytes.subarray(at.piece)
    }
  }
  if (kind === frameKind.ack) {
    const at = frameAt.ack
    if (length !== at.applied + 8) return damaged("an ack of another length")
    return {
      _tag: "Ack",
      ...common,
      next: { segment: readU64(view, at.nextSegment), position: view.getUint32(at.nextPosition, true) },
      durableAt: {
        segment: readU64(view, at.durableSegment),
        position: view.getUint32(at.durablePosition, true)
      },
      received: readU64(view, at.received),
      durable: readU64(view, at.durable),
      applied: readU64(view, at.applied),
      again: (flags & frameFlag.ackAgain) !== 0
    }
  }
  if (kind === frameKind.fence) {
    return length === frameHeaderBytes ? { _tag: "Fence", ...common } : damaged("a fence of another length")
  }
  return damaged(`kind ${kind} is no frame`)
}
