import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

interface Group<E> {
  /** The sequence after its last record. */
  readonly to: number
  readonly promised: Deferred.Deferred<void, E>
}

/** Those who wait for an acknowledgement: one promise for all that was appended when its first waiter came. */
export class AckGroups<E> {
  private readonly groups: Array<Group<E>> = []
  private failure: E | undefined

  /** Groups that wait now. */
  get waiting(): number {
    return this.groups.length
  }

  /** Answers when everything below `sequence + 1` is acknowledged; `appended`: the sequence the next record will get. */
  wait(sequence: number, appended: number): Effect.Effect<void, E> {
    if (this.failure !== undefined) return Effect.fail(this.failure)
    const joined = this.groups.find((group) => group.to > sequence)
    if (joined !== undefined) return Deferred.await(joined.promised)
    const group = { to: appended, promised: Deferred.makeUnsafe<void, E>() }
    this.groups.push(group)
    return Deferred.await(group.promised)
  }

  /** Everything below `to` is acknowledged. */
  settle(to: number): void {
    while (this.groups.length > 0 && (this.groups[0] as Group<E>).to <= to) {
      Deferred.doneUnsafe((this.groups.shift() as Group<E>).promised, Exit.void)
    }
  }

  /** Nothing more will be acknowledged. */
  fail(error: E): void {
    this.failure ??= error
    for (const group of this.groups.splice(0)) Deferred.doneUnsafe(group.promised, Exit.fail(error))
  }
}
