import type { LogPoint } from "../log/LogPoint.ts"
import type { RawLog } from "../log/RawLog.ts"
import type { Positions } from "./Ack.ts"
import { decideHello, type HelloDecision } from "./CommonPoint.ts"
import { commonPoint, type EpochStart } from "./EpochTable.ts"
import type { Ack, Hello, Place } from "./Frame.ts"
import { Lag } from "./Lag.ts"
import { bytesBetween, Outgoing, type Window } from "./Outgoing.ts"
import { isBoundary } from "./SegmentBoundaries.ts"

/** How a replica stands with its primary. */
export type LinkState = "absent" | "snapshot" | "streaming" | "refused"

/** What the primary answers a hello with. */
export interface Answer {
  readonly decision: HelloDecision
  /** Where to go on, or where the snapshot begins. */
  readonly point: LogPoint
}

const nowhere: Place = { segment: 0, position: 0 }

/** What a primary knows of one replica. A state machine without Effect or clock. */
export class ReplicaLink {
  readonly name: string
  readonly lag = new Lag()
  state: LinkState = "absent"
  positions: Positions = { received: 1, durable: 1, applied: 1 }
  outgoing: Outgoing | undefined
  /** The last thing that went wrong on the way to it. */
  failure: unknown
  /** When it was last heard of, in milliseconds since 1970. */
  heardMillis = 0
  /** False once it held back more than the slot allows: retention goes on without it. */
  holds = true
  private durableAt: Place = nowhere
  private snapshotTo: number

  constructor(name: string) {
    this.name = name
    this.snapshotTo = 0
  }

  /** Decides about a hello, and begins a conversation when it may; `undefined` when it is that of the present one. */
  hello(
    hello: Hello,
    raw: RawLog,
    epochs: ReadonlyArray<EpochStart>,
    epoch: number,
    window: Window
  ): Answer | undefined {
    // The network brought it twice.
    if (this.outgoing?.session === hello.session) return undefined
    const sameLog = hello.logId.low === raw.logId.low && hello.logId.high === raw.logId.high
    const hasNone = hello.end.segment === 0
    const end = raw.syncedPoint
    const common = sameLog
      ? commonPoint({ table: epochs, end }, { table: hello.epochs, end: hello.end })
      : undefined
    const isKept = common !== undefined && raw.segments.some((s) => s.baseSequence === common.segment)
    const isTheirs =
      common !== undefined && common.chain === hello.end.chain && common.position === hello.end.position
    const decision = decideHello({
      log: hasNone ? "none" : sameLog ? "same" : "other",
      epoch: hello.epoch > epoch ? "newer" : "known",
      wants: hello.wantsSnapshot ? "snapshot" : "stream",
      common: common === undefined ? "none" : isKept ? "kept" : "removed",
      proof:
        common === undefined || !isKept || !isTheirs
          ? "theirs"
          : isBoundary(raw.segments, common, raw.bytesAt)
            ? "ok"
            : "bad"
    })
    const first = raw.segments[0]
    const oldest = {
      segment: first?.baseSequence ?? 1,
      position: 0,
      sequence: first?.baseSequence ?? 1,
      chain: first?.header.previousChain ?? 0
    }
    if (decision === "stream" && common !== undefined) {
      this.begin("streaming", hello.session, common, window)
      return { decision, point: common }
    }
    if (decision === "snapshotBehind" || decision === "snapshotDiverged") {
      this.begin("snapshot", hello.session, oldest, window)
      this.snapshotTo = end.sequence
    } else if (decision === "refuse") {
      this.state = "refused"
      this.outgoing = undefined
    }
    return { decision, point: oldest }
  }

  /** Takes an answer; false when it belongs to an older conversation. */
  answered(ack: Ack): boolean {
    if (this.outgoing === undefined || this.outgoing.session !== ack.session) return false
    this.outgoing.answered(ack)
    this.durableAt = ack.durableAt
    this.positions = {
      received: Math.max(this.positions.received, ack.received),
      durable: Math.max(this.positions.durable, ack.durable),
      applied: Math.max(this.positions.applied, ack.applied)
    }
    if (this.state === "snapshot" && ack.received >= this.snapshotTo) this.state = "streaming"
    return true
  }

  /** Bytes that the primary has synced and the replica has not. */
  lagBytes(raw: RawLog): number {
    const from =
      this.durableAt.segment === 0
        ? { segment: raw.segments[0]?.baseSequence ?? 0, position: 0 }
        : this.durableAt
    return bytesBetween(raw.segments, from, raw.syncedPoint)
  }

  /** The segment from which on it needs the log, or `undefined` when it holds nothing. */
  holdsFrom(raw: RawLog, maxSlotBytes: number): number | undefined {
    if (!this.holds || this.state === "refused") return undefined
    if (this.lagBytes(raw) > maxSlotBytes) {
      this.holds = false
      return undefined
    }
    return this.durableAt.segment === 0 ? (raw.segments[0]?.baseSequence ?? 0) : this.durableAt.segment
  }

  private begin(state: LinkState, session: number, point: LogPoint, window: Window): void {
    this.state = state
    this.outgoing = new Outgoing(session, point, window)
    this.holds = true
    this.durableAt = point
    this.failure = undefined
    // What it had above the point is cut: it counts again when it comes again.
    const sequence = state === "snapshot" ? 1 : point.sequence
    this.positions = {
      received: sequence,
      durable: Math.min(this.positions.durable, sequence),
      applied: Math.min(this.positions.applied, sequence)
    }
  }
}
