import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { BrokerError } from "../BrokerError.ts"
import type { Delivery, Reader, SubscriptionInfo } from "../Subscription.ts"
import type { TopicRecord } from "../TopicRecord.ts"
import type { AdvisoryHub } from "./AdvisoryHub.ts"
import { Alarm, type Fork } from "./Alarm.ts"
import { notFoundError } from "./BrokerFailure.ts"
import { makeDelivery } from "./LocalDelivery.ts"
import type { SubscriptionLog } from "./LocalStorage.ts"
import { rejectReason } from "./RejectReason.ts"
import type { SubscriptionSettings, SubscriptionSnapshot } from "./SubscriptionSettings.ts"
import { type Handed, SubscriptionState } from "./SubscriptionState.ts"
import type { TopicEngine } from "./TopicEngine.ts"

interface Waiter {
  readonly reader: number
  readonly prefetch: number
  readonly resume: () => void
}

/**
 * One subscription of this process: its state, its log, and the readers that wait.
 *
 * Readers pull: nothing is buffered for them, so a reader that closes has nothing to give back but what it was handed.
 * One waiter is woken at a time, by a new record, a settlement or a deadline, and wakes the next if there is more.
 */
export class SubscriptionEngine {
  readonly state: SubscriptionState
  private readonly topic: TopicEngine
  private readonly advisories: AdvisoryHub
  private readonly log: SubscriptionLog
  private readonly operation: string
  private readonly waiters = new Set<Waiter>()
  private readonly alarm: Alarm
  private readonly unwatch: () => void
  private readers = 0
  private removed = false

  constructor(
    topic: TopicEngine,
    from: {
      readonly settings: SubscriptionSettings
      readonly snapshot: SubscriptionSnapshot
      readonly log: SubscriptionLog
    },
    environment: { readonly advisories: AdvisoryHub; readonly clock: Clock.Clock; readonly fork: Fork }
  ) {
    const { advisories, clock, fork } = environment
    const { name } = from.settings
    this.topic = topic
    this.advisories = advisories
    this.log = from.log
    this.operation = `subscription ${name} of ${topic.settings.name}`
    this.state = new SubscriptionState(
      topic.index,
      from.settings,
      from.snapshot,
      from.log.journal,
      (sequence, attempts) =>
        advisories.tell({
          _tag: "Exhausted",
          subscription: name,
          sequence,
          attempts,
          timeMillis: topic.nowMillis()
        })
    )
    this.alarm = new Alarm(fork, clock, () => this.wake())
    this.unwatch = topic.watch(() => this.wake())
  }

  /** Waits until all that was settled so far is at its durability point. */
  get flush(): Effect.Effect<void, BrokerError> {
    return Effect.suspend(() => {
      const closed = this.closedError()
      return closed === undefined ? this.log.flush : Effect.fail(closed)
    })
  }

  info(): SubscriptionInfo {
    this.topic.expire()
    return {
      name: this.state.settings.name,
      ...this.state.standing(this.topic.visible, this.topic.nowMillis())
    }
  }

  settle(sequence: number): void {
    if (this.state.settle(sequence)) this.wake()
  }

  reject(handed: Handed, reason: string): void {
    const { attempt, sequence } = handed
    if (!this.state.settle(sequence)) return
    this.advisories.tell({
      _tag: "Rejected",
      subscription: this.state.settings.name,
      sequence,
      attempt,
      reason: rejectReason(reason),
      timeMillis: this.topic.nowMillis()
    })
    this.wake()
  }

  /** Somebody listens: deadlines are noticed from now on although nobody takes. */
  heed(): void {
    this.wake()
  }

  retry(handed: Handed, delayMillis: number): void {
    this.state.retry(handed.sequence, handed.attempt, this.topic.nowMillis() + delayMillis)
    this.wake()
  }

  working(handed: Handed): void {
    this.state.working(handed.sequence, handed.attempt, this.topic.nowMillis())
  }

  update(settings: SubscriptionSettings): void {
    this.state.update(settings)
    this.log.replace(settings, this.state.snapshot())
    this.wake()
  }

  reset(position: number): void {
    this.state.reset(position)
    this.log.replace(this.state.settings, this.state.snapshot())
    this.wake()
  }

  /** Opens a reader; `close` lets it go. */
  open(prefetch: number): { readonly reader: Reader; readonly close: () => void } {
    const id = ++this.readers
    let open = true
    const take = (max: number): Effect.Effect<ReadonlyArray<Delivery>, BrokerError> =>
      Effect.suspend(() => {
        if (!open) return Effect.die(new Error(`${this.operation}: take after the reader's scope closed`))
        const taken = this.take(id, prefetch, max)
        if (taken instanceof BrokerError) return Effect.fail(taken)
        return taken.length > 0 ? Effect.succeed(taken) : Effect.andThen(this.wait(id, prefetch), take(max))
      })
    return {
      reader: {
        take: (max) =>
          Number.isSafeInteger(max) && max >= 1
            ? // A reader that was woken and then interrupted passes the wake-up on.
              Effect.onInterrupt(take(max), () => Effect.sync(() => this.wake()))
            : Effect.die(new RangeError(`${this.operation}: take of ${max}, at least 1`))
      },
      close: () => {
        open = false
        this.state.leave(id)
        this.wake()
      }
    }
  }

  /** Ends it: readers that wait are told. */
  close(removed: boolean): void {
    this.removed = removed
    this.unwatch()
    this.alarm.stop()
    for (const waiter of this.waiters) waiter.resume()
    this.waiters.clear()
  }

  private take(id: number, prefetch: number, max: number): ReadonlyArray<Delivery> | BrokerError {
    const closed = this.closedError()
    if (closed !== undefined) return closed
    this.topic.expire()
    const nowMillis = this.topic.nowMillis()
    const handed = this.state.take(id, { prefetch, max, visible: this.topic.visible, nowMillis })
    if (handed.length === 0) return []
    const records = this.topic.records(
      handed.map(({ sequence }) => sequence),
      this.operation
    )
    this.wake()
    if (records instanceof BrokerError) return records
    return handed.map((each, i) => makeDelivery(this, records[i] as TopicRecord, each))
  }

  private wait(reader: number, prefetch: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const waiter: Waiter = { reader, prefetch, resume: () => resume(Effect.void) }
      this.waiters.add(waiter)
      if (this.closedError() !== undefined) waiter.resume()
      // What came between looking and waiting is noticed here.
      this.wake()
      return Effect.sync(() => this.waiters.delete(waiter))
    })
  }

  /** Wakes the first waiter that would be handed something; sleeps until the next deadline if some still wait or listen. */
  private wake(): void {
    const heard = this.advisories.hears(this.state.settings.name)
    if (this.waiters.size === 0 && !heard) return
    if (this.closedError() !== undefined) {
      for (const waiter of this.waiters) waiter.resume()
      this.waiters.clear()
      return
    }
    if (this.state.hasWork(this.topic.visible, this.topic.nowMillis())) {
      for (const waiter of this.waiters) {
        if (this.state.heldBy(waiter.reader) >= waiter.prefetch) continue
        this.waiters.delete(waiter)
        waiter.resume()
        break
      }
    }
    if (this.waiters.size > 0 || heard) this.alarm.set(this.state.nextDueMillis())
  }

  /** Why it cannot be used any more; `undefined` while it can. */
  closedError(): BrokerError | undefined {
    return this.removed
      ? notFoundError("subscription", this.operation, "It was deleted: open it again to make it anew.")
      : this.topic.closedError(this.operation)
  }
}
