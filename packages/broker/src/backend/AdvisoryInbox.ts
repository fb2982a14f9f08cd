import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Advisory, AdvisoryReader } from "../Advisory.ts"
import type { BrokerError } from "../BrokerError.ts"

const unreadMax = 1_024

/**
 * What one listener heard and has not taken: the newest 1 024. What had to go shows as one `Missed` before the rest, so
 * a listener that nobody reads costs a bounded amount of memory and never holds up a settlement.
 */
export class AdvisoryInbox implements AdvisoryReader {
  private readonly operation: string
  private unread: Array<Advisory> = []
  private overflowed = false
  private readonly wakers = new Set<() => void>()
  private failure: BrokerError | undefined
  private closed = false

  constructor(operation: string) {
    this.operation = operation
  }

  /** Heard one. */
  offer(advisory: Advisory): void {
    if (this.unread.length === unreadMax) {
      this.unread.shift()
      this.overflowed = true
    }
    this.unread.push(advisory)
    this.wakeAll()
  }

  /** Nothing more will be heard: what is here can be taken still. */
  fail(failure: BrokerError): void {
    this.failure ??= failure
    this.wakeAll()
  }

  /** Its scope is over. */
  close(): void {
    this.closed = true
    this.unread = []
  }

  readonly take: AdvisoryReader["take"] = (max) =>
    Number.isSafeInteger(max) && max >= 1
      ? this.taking(max)
      : Effect.die(new RangeError(`${this.operation}: take of ${max}, at least 1`))

  private taking(max: number): ReturnType<AdvisoryReader["take"]> {
    return Effect.suspend(() => {
      if (this.closed) return Effect.die(new Error(`${this.operation}: take after the reader's scope closed`))
      if (this.overflowed) {
        this.overflowed = false
        this.unread.unshift({ _tag: "Missed" })
      }
      const taken = this.unread.splice(0, max)
      if (isNonEmpty(taken)) return Effect.succeed(taken)
      if (this.failure !== undefined) return Effect.fail(this.failure)
      // Waiting takes nothing, so that an interruption in between loses nothing.
      return Effect.andThen(this.wait, this.taking(max))
    })
  }

  private readonly wait = Effect.callback<void>((resume) => {
    const wake = () => resume(Effect.void)
    this.wakers.add(wake)
    return Effect.sync(() => this.wakers.delete(wake))
  })

  private wakeAll(): void {
    const waiting = [...this.wakers]
    this.wakers.clear()
    for (const wake of waiting) wake()
  }
}

const isNonEmpty = <A>(values: ReadonlyArray<A>): values is NonEmptyReadonlyArray<A> => values.length > 0
