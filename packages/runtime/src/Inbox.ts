import type { Item } from "./Ask.ts"
import { Mail } from "./Mail.ts"

/** A sender that waits for room. */
export interface Waiter {
  readonly item: Item
  /** Resumes the sender once its message is in the queue; nothing to do for an asker, who waits on. */
  readonly admitted: () => void
}

/** The bounded queue of one actor and the senders that wait for room in it. */
export class Inbox {
  private readonly queue = new Mail<Item>()
  private waiters: Mail<Waiter> | undefined = undefined

  /** Messages accepted. */
  get length(): number {
    return this.queue.length
  }

  /** True when a message may be pushed; nobody overtakes a sender that waits. */
  hasRoom(capacity: number): boolean {
    return this.queue.length < capacity && (this.waiters === undefined || this.waiters.length === 0)
  }

  push(item: Item): void {
    this.queue.push(item)
  }

  shift(): Item | undefined {
    return this.queue.shift()
  }

  wait(waiter: Waiter): void {
    this.waiters ??= new Mail()
    this.waiters.push(waiter)
  }

  /** The sender does not wait any more. */
  withdraw(waiter: Waiter): void {
    this.waiters?.remove(waiter)
  }

  /** Lets waiting senders in while there is room, and answers them; the caller resumes them. */
  admit(capacity: number): ReadonlyArray<Waiter> {
    if (this.waiters === undefined) return none
    let admitted: Array<Waiter> | undefined
    while (this.waiters.length > 0 && this.queue.length < capacity) {
      const waiter = this.waiters.shift() as Waiter
      this.queue.push(waiter.item)
      admitted ??= []
      admitted.push(waiter)
    }
    return admitted ?? none
  }

  /** Takes out the sender that waits longest, without its message. */
  turnAway(): Waiter | undefined {
    return this.waiters?.shift()
  }
}

const none: ReadonlyArray<Waiter> = []
