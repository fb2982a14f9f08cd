import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ExpectationFailed } from "./ExpectationFailed.ts"
import { show } from "./Show.ts"
import { pass, settle, settleUntil } from "./Time.ts"

/** How long to wait for what is expected: a `TestClock` moves so far, and stops when it has come. Default 0: no time passes. */
export interface Within {
  readonly within?: Duration.Input
}

/** Values in the order in which they came, and a cursor that expectations move along them. */
export class Recorder<A> {
  private readonly name: string
  /** What a failure shows of a value. */
  private readonly shown: (value: A) => unknown
  /** Why nothing came, when that is known. */
  private readonly whyNone: () => string
  private readonly values: Array<A> = []
  /** Of the next value that nobody has expected yet. */
  private cursor = 0
  private readonly waiting = new Set<() => void>()

  constructor(name: string, shown: (value: A) => unknown, whyNone = () => "") {
    this.name = name
    this.shown = shown
    this.whyNone = whyNone
  }

  readonly push = (value: A): void => {
    this.values.push(value)
    for (const wake of [...this.waiting]) wake()
  }

  /** All values so far, once nothing is ready to run any more. */
  readonly received: Effect.Effect<ReadonlyArray<A>> = Effect.map(settle, () => [...this.values])

  /** The next value, which must be one that `is` takes; `what` names it in the failure. */
  next<B extends A>(
    what: string,
    is: (value: A) => value is B,
    within: Duration.Input
  ): Effect.Effect<B, ExpectationFailed> {
    return Effect.suspend(() => this.wait(within)).pipe(
      Effect.flatMap(() => {
        if (!this.hasNext) {
          const time =
            Duration.toMillis(within) === 0
              ? ""
              : ` within ${Duration.format(Duration.fromInputUnsafe(within))}`
          return this.failed("missing", `expected ${what}${time}, and nothing came.${this.whyNone()}`)
        }
        const value = this.values[this.cursor] as A
        if (!is(value)) return this.failed("unexpected", `expected ${what}, and ${this.show(value)} came.`)
        this.cursor++
        return Effect.succeed(value)
      })
    )
  }

  /** Fails when something comes within this time that nobody has expected. */
  expectNothing(within: Duration.Input): Effect.Effect<void, ExpectationFailed> {
    return Effect.andThen(
      Effect.suspend(() => this.wait(within)),
      Effect.suspend(() =>
        this.hasNext
          ? this.failed(
              "unexpected",
              `expected nothing, and ${this.show(this.values[this.cursor] as A)} came.`
            )
          : Effect.void
      )
    )
  }

  private get hasNext(): boolean {
    return this.cursor < this.values.length
  }

  /** Until there is a next value, or the time is over. */
  private wait(within: Duration.Input): Effect.Effect<void> {
    const rest = settleUntil(() => this.hasNext)
    const arrived = Effect.callback<void>((resume) => {
      if (this.hasNext) return resume(Exit.void)
      const wake = () => {
        this.waiting.delete(wake)
        resume(Exit.void)
      }
      this.waiting.add(wake)
      return Effect.sync(() => this.waiting.delete(wake))
    })
    return Effect.andThen(
      rest,
      Effect.suspend(() =>
        this.hasNext || Duration.toMillis(within) <= 0
          ? Effect.void
          : Effect.andThen(Effect.raceFirst(arrived, pass(within)), rest)
      )
    )
  }

  private failed(kind: "missing" | "unexpected", detail: string): Effect.Effect<never, ExpectationFailed> {
    const others = this.values.slice(0, this.cursor).map((value) => `\n  ${this.show(value)}`)
    const before = others.length === 0 ? "Nothing came before." : `Expected before:${others.join("")}`
    return Effect.fail(new ExpectationFailed({ of: this.name, kind, detail: `${detail} ${before}` }))
  }

  private show(value: A): string {
    return show(this.shown(value))
  }
}
