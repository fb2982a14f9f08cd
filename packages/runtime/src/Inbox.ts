import type { Item } from "./Ask.ts"
import { Mail } from "./Mail.ts"

/** A sender that waits for room. */
export interface Waiter {
  readonly item: Item
  /** Resumes the sender once its message is in the queue; nothing to do for an asker, who waits on. */
  readonly admitted: () => void
}

/** The bounded queue of one actor, its accepted messages, and the senders that wait for room in it. */
export class Inbox extends Mail<Item> {
  private waiters: Mail<Waiter> | undefined = undefined

  /** True when a message may be pushed; nobody overtakes a sender that waits. */
  hasRoom(capacity: number): boolean {
    return this.length < capacity && (this.waiters === undefined || this.waiters.length === 0)
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
    while (this.waiters.length > 0 && this.length < capacity) {
      const waiter = this.waiters.shift() as Waiter
      this.push(waiter.item)
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
