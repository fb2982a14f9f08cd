import { Subject, type SubscriptionSpec } from "@troupe/broker"

/** Who holds a record that was delivered and not settled, and when it is due again. */
interface Unsettled {
  attempt: number
  /** 0 while it waits for its next delivery. */
  reader: number
  dueMillis: number
}

/** One delivery, as the oracle and the backend both name it. */
export interface Handed {
  readonly sequence: number
  readonly attempt: number
}

/** The specification with every default, durations in milliseconds. */
export interface OracleSpec {
  readonly filters: ReadonlyArray<string>
  readonly ackWaitMillis: number
  readonly maxDeliver: number
  readonly maxAckPending: number
  readonly paused: boolean
}

export const toSpec = (name: string, spec: OracleSpec): SubscriptionSpec => ({
  name,
  filters: spec.filters,
  ackWait: spec.ackWaitMillis,
  maxDeliver: spec.maxDeliver,
  maxAckPending: spec.maxAckPending,
  paused: spec.paused
})

/**
 * What a subscription must do, said naively: plain sets, looked through whole at every step.
 *
 * It does not say which of several records that are due again comes first: the port promises no order among them.
 */
export class SubscriptionOracle {
  spec: OracleSpec
  readonly records = new Map<number, string>()
  readonly undelivered = new Set<number>()
  readonly unsettled = new Map<number, Unsettled>()
  readonly exhausted = new Set<number>()
  private highestHanded = 0
  last = 0

  constructor(spec: OracleSpec) {
    this.spec = spec
  }

  append(subject: string): void {
    this.records.set(++this.last, subject)
    if (this.wants(subject)) this.undelivered.add(this.last)
  }

  /** Only of records that nobody works on. */
  delete(sequence: number): void {
    this.records.delete(sequence)
    this.undelivered.delete(sequence)
    this.exhausted.delete(sequence)
  }

  /** Time has come to this: what nobody settled leaves its reader. */
  advance(nowMillis: number): void {
    for (const [sequence, one] of this.unsettled) {
      if (one.dueMillis > nowMillis) continue
      one.reader = 0
      if (one.attempt < this.spec.maxDeliver) continue
      this.unsettled.delete(sequence)
      this.exhausted.add(sequence)
    }
  }

  /** Why this reader may not be handed this; `undefined` when it must be exactly so. */
  take(
    reader: number,
    options: { readonly prefetch: number; readonly max: number; readonly nowMillis: number },
    handed: ReadonlyArray<Handed>
  ): string | undefined {
    const { max, nowMillis, prefetch } = options
    const room = this.spec.paused ? 0 : Math.min(max, prefetch - this.heldBy(reader))
    const due = new Set(this.dueAt(nowMillis))
    const again = Math.min(room, due.size)
    const places = Math.max(0, this.spec.maxAckPending - this.unsettled.size)
    const fresh = Array.from(this.undelivered)
      .sort((a, b) => a - b)
      .slice(0, Math.max(0, Math.min(room - again, places)))
    const first = handed.slice(0, again)
    for (const { attempt, sequence } of first) {
      if (!due.delete(sequence)) return `${sequence} came again and is not due`
      const expected = (this.unsettled.get(sequence)?.attempt ?? 0) + 1
      if (attempt !== expected) return `${sequence} came as attempt ${attempt}, not ${expected}`
    }
    const rest = handed.slice(again).map(({ attempt, sequence }) => `${sequence}/${attempt}`)
    const wanted = fresh.map((sequence) => `${sequence}/1`)
    if (rest.join() !== wanted.join())
      return `after ${again} that were due came ${rest.join()}, not ${wanted.join()}`
    for (const { attempt, sequence } of handed) {
      this.undelivered.delete(sequence)
      this.highestHanded = Math.max(this.highestHanded, sequence)
      this.unsettled.set(sequence, { attempt, reader, dueMillis: nowMillis + this.spec.ackWaitMillis })
    }
    return undefined
  }

  settle(sequence: number): void {
    this.unsettled.delete(sequence)
  }

  retry({ attempt, sequence }: Handed, dueMillis: number): void {
    const one = this.heldAs(sequence, attempt)
    if (one === undefined) return
    one.reader = 0
    one.dueMillis = dueMillis
    if (attempt < this.spec.maxDeliver) return
    this.unsettled.delete(sequence)
    this.exhausted.add(sequence)
  }

  working({ attempt, sequence }: Handed, nowMillis: number): void {
    const one = this.heldAs(sequence, attempt)
    if (one !== undefined) one.dueMillis = nowMillis + this.spec.ackWaitMillis
  }

  reset(position: number): void {
    this.unsettled.clear()
    this.undelivered.clear()
    this.highestHanded = Math.min(this.highestHanded, position - 1)
    for (const sequence of this.exhausted) if (sequence >= position) this.exhausted.delete(sequence)
    for (const [sequence, subject] of this.records) {
      if (sequence >= position && this.wants(subject)) this.undelivered.add(sequence)
    }
  }

  /** A reader is gone: what it was handed goes on to its deadline. */
  leave(reader: number): void {
    for (const one of this.unsettled.values()) if (one.reader === reader) one.reader = -1
  }

  /** The process ended: who held something is gone, and it is due at once. */
  restart(): void {
    for (const one of this.unsettled.values()) if (one.reader !== 0) one.dueMillis = 0
  }

  /** Why these numbers are wrong; `undefined` when they are right. */
  disputes(info: {
    readonly pending: number
    readonly ackPending: number
    readonly redelivered: number
    readonly ackFloor: number
    readonly exhausted: ReadonlyArray<number>
  }): string | undefined {
    const expected = {
      pending: this.undelivered.size,
      ackPending: this.unsettled.size,
      redelivered: Array.from(this.unsettled.values()).filter(({ attempt }) => attempt > 1).length,
      exhausted: Array.from(this.exhausted).sort((a, b) => a - b)
    }
    const { ackFloor, ...counted } = info
    for (const [name, value] of Object.entries(expected)) {
      const found = counted[name as keyof typeof counted]
      if (JSON.stringify(found) !== JSON.stringify(value)) {
        return `${name} is ${JSON.stringify(found)}, not ${JSON.stringify(value)}`
      }
    }
    const lowest = Math.min(this.last + 1, ...this.undelivered, ...this.unsettled.keys())
    if (ackFloor >= lowest) return `the floor is ${ackFloor}, and ${lowest} is not settled`
    const least = Math.min(lowest - 1, this.highestHanded)
    return ackFloor < least ? `the floor is ${ackFloor}, and all up to ${least} is settled` : undefined
  }

  private dueAt(nowMillis: number): ReadonlyArray<number> {
    return Array.from(this.unsettled).flatMap(([sequence, one]) =>
      one.reader === 0 && one.dueMillis <= nowMillis ? [sequence] : []
    )
  }

  private heldBy(reader: number): number {
    return Array.from(this.unsettled.values()).filter((one) => one.reader === reader).length
  }

  /** The delivery that this one is, while it counts: not an older one, and not one whose time is over. */
  private heldAs(sequence: number, attempt: number): Unsettled | undefined {
    const one = this.unsettled.get(sequence)
    return one === undefined || one.attempt !== attempt || one.reader === 0 ? undefined : one
  }

  private wants(subject: string): boolean {
    return Subject.matcher(this.spec.filters)(subject)
  }
}
