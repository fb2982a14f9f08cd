import type { FileSystem } from "../disk/FileSystem.ts"
import { decideWelcome, placeOf } from "./CommonPoint.ts"
import { type Ack, type Bytes, type Frame, type Hello, type Welcome, welcomeDecision } from "./Frame.ts"
import type { LostTail } from "./LogTail.ts"
import { ReplicaLog } from "./ReplicaLog.ts"
import { type ReplicaNote, readReplicaNote, writeReplicaNote } from "./ReplicaNote.ts"

/** How a replica stands with the primary. */
export type ReplicaState = "seeking" | "snapshot" | "streaming" | "otherLog"

/**
 * What a replica does about each frame. A state machine without Effect or clock, over the replica's own files; what it
 * answers are the frames to send. Throws what the file system throws.
 */
export class Incoming {
  state: ReplicaState = "seeking"
  readonly log: ReplicaLog
  /** Tails that were cut from this log since it was opened, oldest first. */
  readonly lostTails: Array<LostTail> = []
  /** What the primary last told of itself. */
  primaryEnd = 1
  primaryTimeMillis = 0
  primaryEpoch = 0
  heartbeatMillis = 200
  /** Counts frames of the present conversation that meant something: while it stands still, nobody leads. */
  heard = 0
  /** Why pieces were not taken, last first. */
  unfit: string | undefined
  applied: number
  /** The first applied sequence that was cut, until the applier was told. */
  rewound: number | undefined
  private readonly fs: FileSystem
  private readonly directory: string
  private note: ReplicaNote
  private committed: number
  private session = 0
  private wantsSnapshot = false

  constructor(fs: FileSystem, directory: string, applied: number | undefined) {
    this.fs = fs
    this.directory = directory
    this.note = readReplicaNote(fs, directory)
    this.committed = this.note.committed
    this.log = new ReplicaLog(fs, directory, this.note.committed)
    this.applied = Math.min(applied ?? this.log.durable.sequence, this.log.durable.sequence)
  }

  /** The largest epoch this replica follows. */
  get epoch(): number {
    return Math.max(this.note.epoch, this.log.epoch)
  }

  /** Everything below this sequence was acknowledged by the primary and is durable here: it is never cut. */
  get commitPoint(): number {
    return Math.min(this.committed, this.log.durable.sequence)
  }

  /** Begins a conversation: `session` is a number that no other one has. */
  hello(session: number): Hello {
    this.session = session
    if (this.state !== "otherLog") this.state = "seeking"
    this.log.forgetPending()
    return {
      _tag: "Hello",
      ...this.common(),
      end: this.log.end,
      committed: this.commitPoint,
      epochs: this.log.epochs(),
      wantsSnapshot: this.wantsSnapshot
    }
  }

  /** Promises never to follow an epoch older than `epoch` again, durably; false when it has promised a larger one. */
  promise(epoch: number): boolean {
    if (epoch < this.epoch) return false
    this.keepNote(epoch)
    this.state = "seeking"
    this.session = 0
    return true
  }

  /** Takes a frame; answers what to send, `"hello"` for a new conversation. */
  take(frame: Frame): Frame | "hello" | undefined {
    // Whoever is primary in an older epoch hears that it is not any more, whatever it says.
    if (frame.epoch < this.epoch && (frame._tag === "Bytes" || frame._tag === "Welcome")) {
      return { _tag: "Fence", ...this.common() }
    }
    if (this.session === 0 || frame.session !== this.session) return undefined
    if (frame._tag === "Welcome") return this.welcomed(frame)
    return frame._tag === "Bytes" ? this.grow(frame) : undefined
  }

  /** How far this replica is. */
  ack(again: boolean): Ack {
    const { end, durable } = this.log
    return {
      _tag: "Ack",
      ...this.common(),
      next: this.log.next,
      durableAt: { segment: durable.segment, position: durable.position },
      received: end.sequence,
      durable: durable.sequence,
      applied: this.applied,
      again
    }
  }

  /** Keeps what must not be forgotten, and gives the files back. */
  close(): void {
    this.session = 0
    if (this.commitPoint > this.note.committed) this.keepNote(this.note.epoch)
    this.log.close()
  }

  private welcomed(frame: Welcome): Frame | "hello" | undefined {
    if (this.state !== "seeking") return undefined
    this.heard++
    // Kept at once: a promotion must find an epoch that nobody had, also when no batch of this one has come yet.
    if (frame.epoch > this.note.epoch) this.keepNote(frame.epoch)
    this.primaryEpoch = frame.epoch
    this.heartbeatMillis = frame.heartbeatMillis
    if (frame.decision === welcomeDecision.otherLog) {
      this.state = "otherLog"
      return undefined
    }
    if (frame.decision !== welcomeDecision.stream) {
      // Its own files hold what the primary will send again only when both share a history.
      const lost = this.log.reset(frame.point.segment, frame.decision === welcomeDecision.snapshotDiverged)
      if (lost !== undefined && lost.bytes > 0) this.lostTails.push(lost)
      this.wantsSnapshot = false
      this.rewind(frame.point.sequence)
      // What the primary's log does not have any more, nobody can apply.
      this.applied = Math.max(this.applied, frame.point.sequence)
      this.state = "snapshot"
      return this.ack(false)
    }
    const decision = decideWelcome({
      point: placeOf(frame.point, this.log.end),
      proof: this.log.has(frame.point) ? "ok" : "bad",
      loses: frame.point.sequence < this.commitPoint ? "committed" : "uncommitted"
    })
    if (decision === "askAgain") return "hello"
    if (decision === "askSnapshot") {
      this.wantsSnapshot = true
      return "hello"
    }
    if (decision === "cut") {
      this.lostTails.push(this.log.cut(frame.point))
      this.rewind(frame.point.sequence)
    }
    this.state = "streaming"
    return this.ack(false)
  }

  private grow(frame: Bytes): Frame | undefined {
    if (this.state === "seeking" || this.state === "otherLog") return undefined
    this.heard++
    this.primaryEnd = frame.endSequence
    this.primaryTimeMillis = frame.endTimeMillis
    const segments = this.log.end.segment
    const taken = this.log.take(frame.at, frame.piece)
    this.committed = Math.max(this.committed, frame.committed)
    // At the pace of segments: often enough to catch a wrong promotion, and free.
    if (this.log.end.segment !== segments && this.commitPoint > this.note.committed)
      this.keepNote(this.note.epoch)
    if (this.state === "snapshot" && this.log.end.sequence >= frame.endSequence) this.state = "streaming"
    if (taken._tag === "Taken") return frame.ackReceived ? this.ack(false) : undefined
    if (taken._tag === "Duplicate") return this.ack(false)
    if (taken._tag === "Unfit") this.unfit = taken.what
    return this.ack(true)
  }

  private rewind(sequence: number): void {
    if (this.applied <= sequence) return
    this.rewound = Math.min(this.rewound ?? sequence, sequence)
    this.applied = sequence
  }

  private keepNote(epoch: number): void {
    this.note = {
      epoch: Math.max(epoch, this.note.epoch),
      committed: Math.max(this.note.committed, this.commitPoint)
    }
    writeReplicaNote(this.fs, this.directory, this.note)
  }

  private common() {
    return { logId: this.log.logId, epoch: this.epoch, session: this.session }
  }
}
