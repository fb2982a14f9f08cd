import * as Effect from "effect/Effect"
import type { BrokerError } from "../BrokerError.ts"

/** A group of changes that was accepted and waits for its durability point. */
interface Group {
  readonly ticket: number
  readonly lastSequence: number
  outcome: Effect.Effect<void, BrokerError> | undefined
  readonly waiting: Set<(outcome: Effect.Effect<void, BrokerError>) => void>
}

/**
 * Accepted changes in order, and who waits for them to be durable.
 *
 * A group commits whether or not its caller still waits: interrupting an append does not take it back.
 */
export class CommitQueue {
  private groups: Array<Group> = []
  private at = 0
  private committed = 0
  /** The last sequence that may be shown. */
  visible: number

  constructor(visible: number) {
    this.visible = visible
  }

  /** Takes in a group, which a quick store may have committed already. Answers how to wait for it. */
  add(ticket: number, lastSequence: number): Effect.Effect<void, BrokerError> {
    if (ticket <= this.committed) {
      this.visible = Math.max(this.visible, lastSequence)
      return Effect.void
    }
    const group: Group = { ticket, lastSequence, outcome: undefined, waiting: new Set() }
    this.groups.push(group)
    return wait(group)
  }

  /** Waits for everything that is accepted now. */
  get barrier(): Effect.Effect<void, BrokerError> {
    const last = this.groups[this.groups.length - 1]
    return last === undefined ? Effect.void : wait(last)
  }

  /** Everything up to this ticket is durable; true when more may be shown than before. */
  commit(ticket: number): boolean {
    const before = this.visible
    this.committed = Math.max(this.committed, ticket)
    const done = Effect.void
    while (this.at < this.groups.length) {
      const group = this.groups[this.at] as Group
      if (group.ticket > ticket) break
      this.at++
      this.visible = Math.max(this.visible, group.lastSequence)
      settle(group, done)
    }
    if (this.at === this.groups.length) {
      this.groups = []
      this.at = 0
    } else if (this.at > 1_024) {
      this.groups.splice(0, this.at)
      this.at = 0
    }
    return this.visible > before
  }

  /** Nothing that waits will ever be durable. */
  fail(error: BrokerError): void {
    const failure = Effect.fail(error)
    for (; this.at < this.groups.length; this.at++) settle(this.groups[this.at] as Group, failure)
    this.groups = []
    this.at = 0
  }
}

const settle = (group: Group, outcome: Effect.Effect<void, BrokerError>): void => {
  group.outcome = outcome
  for (const resume of group.waiting) resume(outcome)
  group.waiting.clear()
}

const wait = (group: Group): Effect.Effect<void, BrokerError> =>
  Effect.callback((resume) => {
    if (group.outcome !== undefined) {
      resume(group.outcome)
      return
    }
    group.waiting.add(resume)
    return Effect.sync(() => group.waiting.delete(resume))
  })
