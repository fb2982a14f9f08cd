import type { Durability } from "@troupe/broker"
import * as Effect from "effect/Effect"
import { isLogError, type LogFailed, logFailed } from "./LogError.ts"
import type { LogWriter } from "./LogWriter.ts"
import { Waiting } from "./Waiting.ts"

/** When what is written is synced to the device. */
export type FsyncPolicy = "always" | "never" | { readonly intervalMillis: number }

interface Group {
  /** Everything appended before this mark is in the group. */
  readonly mark: number
  /** The sequence after its last record. */
  readonly sequence: number
  promised: Waiting | undefined
}

/**
 * Decides when appended records count as kept, and answers all who wait for the same write or sync with one promise.
 *
 * While one sync runs the next group collects. `wake` is the only thing that has to be called from outside: once after
 * the first append into an empty batch.
 */
export class GroupCommit {
  /** The sequence below which records hold the durability class. */
  settledTo: number
  private readonly writer: LogWriter
  private readonly durability: Durability
  private readonly policy: FsyncPolicy
  private readonly onSettled: () => void
  private settledMark = 0
  private collecting: Waiting | undefined
  private running: Group | undefined
  private syncing = false
  private flushWanted = false
  private closed = false
  private readonly whenIdle: Array<() => void> = []

  constructor(writer: LogWriter, durability: Durability, policy: FsyncPolicy, onSettled: () => void) {
    this.writer = writer
    this.durability = durability
    this.policy = policy
    this.onSettled = onSettled
    this.settledTo = writer.writtenTo
  }

  /** Answers when the record of this sequence holds the durability class. */
  durable(sequence: number): Effect.Effect<void, LogFailed> {
    if (sequence < this.settledTo) return Effect.void
    if (this.writer.failure !== undefined) return Effect.fail(this.writer.failure)
    if (sequence >= this.writer.nextSequence)
      return Effect.die(new RangeError(`sequence ${sequence} was never appended`))
    if (this.durability === "memory") return Effect.void
    if (this.running !== undefined && sequence < this.running.sequence) return this.wait(this.running)
    return this.waitForCollecting()
  }

  /** A promise of `answer` for when the record of this sequence, which was appended, holds the durability class. */
  promised(sequence: number, answer: number): Promise<number> {
    if (sequence < this.settledTo) return Promise.resolve(answer)
    if (this.writer.failure !== undefined) return Promise.reject(this.writer.failure)
    if (this.durability === "memory") return Promise.resolve(answer)
    if (this.running !== undefined && sequence < this.running.sequence) {
      this.running.promised ??= new Waiting()
      return this.running.promised.promise(answer)
    }
    this.collecting ??= new Waiting()
    return this.collecting.promise(answer)
  }

  /** Answers when everything appended so far, controls too, is written and holds the durability class. */
  flushed(): Effect.Effect<void, LogFailed> {
    if (this.writer.failure !== undefined) return Effect.fail(this.writer.failure)
    if (this.settledMark >= this.writer.mark) return Effect.void
    if (this.running !== undefined && this.running.mark >= this.writer.mark) return this.wait(this.running)
    const waiting = this.waitForCollecting()
    this.flushWanted = true
    this.wake()
    if (this.durability === "disk") this.startSync()
    return waiting
  }

  /** Answers when every full segment is synced and sealed. */
  sealed(): Effect.Effect<void, LogFailed> {
    return this.syncedUntil(() => !this.writer.needsSeal)
  }

  /** Answers when everything appended so far is synced, whatever the class; what is appended meanwhile may be too. */
  synced(): Effect.Effect<void, LogFailed> {
    return Effect.suspend(() => {
      const mark = this.writer.mark
      return this.syncedUntil(() => this.writer.syncedMark >= mark && !this.writer.needsSeal)
    })
  }

  private syncedUntil(isDone: () => boolean): Effect.Effect<void, LogFailed> {
    return Effect.callback<void, LogFailed>((resume) => {
      const look = (): void => {
        if (this.writer.failure !== undefined) resume(Effect.fail(this.writer.failure))
        else if (isDone()) resume(Effect.void)
        else {
          this.startSync()
          if (this.syncing) this.whenIdle.push(look)
          else look()
        }
      }
      look()
    })
  }

  /** Writes what is open and does what the policy says. Call it when a batch has been begun and the turn is over. */
  wake(): void {
    if (this.writer.failure !== undefined) {
      this.reject(this.writer.failure)
      return
    }
    if (this.durability !== "disk" || this.policy !== "always") this.write()
    if (this.policy === "always" || this.writer.needsSeal) this.startSync()
  }

  /** Syncs what is not synced yet: the tick of policy `interval`. */
  tick(): void {
    if (this.writer.failure === undefined && (this.writer.needsSync || this.writer.hasOpen)) this.startSync()
  }

  /** Waits for the running sync, writes and syncs the rest, and closes the writer. `done` is called once. */
  close(done: () => void): void {
    if (this.syncing) {
      this.whenIdle.push(() => this.close(done))
      return
    }
    this.closed = true
    const failed = this.writer.failure
    const group = this.takeGroup()
    try {
      this.writer.close()
    } catch (error) {
      this.rejectGroup(group, this.asFailure(error))
      done()
      return
    }
    if (failed === undefined) this.settle(group)
    else this.rejectGroup(group, failed)
    this.onSettled()
    done()
  }

  private startSync(): void {
    if (this.syncing || this.closed || !this.write()) return
    // Whoever the write answered went on at once, and may have asked for a sync or for the end.
    if (this.syncing || this.closed) return
    this.flushWanted = false
    if (!this.writer.needsSync) return
    this.syncing = true
    // Only class `disk` waits for a sync; what the others append from here on is answered by its write.
    const group = this.durability === "disk" ? this.takeGroup() : undefined
    this.running = group
    this.writer.sync((failure) => {
      this.syncing = false
      this.running = undefined
      if (failure !== undefined) {
        if (group !== undefined) this.rejectGroup(group, failure)
        this.reject(failure)
      } else if (group !== undefined) this.settle(group)
      for (const idle of this.whenIdle.splice(0)) idle()
      if (!this.closed && failure === undefined && this.wantsAnother()) this.startSync()
    })
  }

  private wantsAnother(): boolean {
    if (this.policy === "always" || (this.flushWanted && this.durability === "disk")) {
      return this.writer.hasOpen || this.writer.needsSync
    }
    return this.writer.needsSeal
  }

  /** Writes what is open, which answers those of every class but `disk`. */
  private write(): boolean {
    try {
      this.writer.write()
    } catch (error) {
      this.reject(this.asFailure(error))
      return false
    }
    if (this.durability !== "disk") this.settle(this.takeGroup())
    return true
  }

  /** All that is appended, and who waits for it. */
  private takeGroup(): Group {
    return {
      mark: this.writer.mark,
      sequence: this.writer.nextSequence,
      promised: this.takeCollecting()
    }
  }

  private settle(group: Group): void {
    this.settledMark = Math.max(this.settledMark, group.mark)
    const moved = group.sequence > this.settledTo
    if (moved) this.settledTo = group.sequence
    group.promised?.settle(undefined)
    if (moved) this.onSettled()
  }

  private reject(failure: LogFailed): void {
    this.takeCollecting()?.settle(failure)
    this.onSettled()
  }

  private rejectGroup(group: Group, failure: LogFailed): void {
    group.promised?.settle(failure)
  }

  private wait(group: Group): Effect.Effect<void, LogFailed> {
    group.promised ??= new Waiting()
    return group.promised.effect
  }

  private waitForCollecting(): Effect.Effect<void, LogFailed> {
    this.collecting ??= new Waiting()
    return this.collecting.effect
  }

  private takeCollecting(): Waiting | undefined {
    const promised = this.collecting
    this.collecting = undefined
    return promised
  }

  private asFailure(error: unknown): LogFailed {
    if (isLogError(error) && error._tag === "LogFailed") return error
    return logFailed("write", this.writer.active.path, error)
  }
}
