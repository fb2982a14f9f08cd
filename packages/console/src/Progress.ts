import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import { TerminalCapabilities } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

/** How far a piece of work has come, in its own unit. */
export interface Progress {
  readonly done: number
  readonly total: number
  /** Time until the end, by somebody who knows better than the mean rate so far: the end may move away. */
  readonly etaMillis?: number | "never" | undefined
}

const left = (millis: number): string => {
  if (!Number.isFinite(millis)) return "never"
  const seconds = Math.ceil(millis / 1000)
  return seconds < 100 ? `${seconds} s left` : `${Math.ceil(seconds / 60)} min left`
}

/** One line that says how far `progress` is, how fast it went since it was at `from`, and when it ends; "never" when nothing moves. */
export const render = (
  label: string,
  progress: Progress,
  elapsedMillis: number,
  width = 24,
  from = 0
): string => {
  const share = progress.total === 0 ? 1 : Math.min(1, progress.done / progress.total)
  const perMilli = elapsedMillis <= 0 ? 0 : (progress.done - from) / elapsedMillis
  const rest = progress.total - progress.done
  const mean = perMilli === 0 ? Number.POSITIVE_INFINITY : rest / perMilli
  const estimate = progress.etaMillis === "never" ? Number.POSITIVE_INFINITY : (progress.etaMillis ?? mean)
  // At the first look of work that was resumed nothing is known of its pace.
  const isUnknown = from > 0 && progress.done === from && progress.etaMillis === undefined
  const eta = rest <= 0 ? "done" : isUnknown ? "…" : left(estimate)
  const bar = "█".repeat(Math.round(share * width)).padEnd(width, "░")
  const percent = String(Math.floor(share * 100)).padStart(3)
  return `${label}  ${bar} ${percent}%  ${progress.done}/${progress.total}  ${Math.round(perMilli * 1000)}/s  ${eta}`
}

/**
 * Shows `progress` on standard error while the stream runs: a line that redraws itself on a terminal, a line a
 * quarter of the way otherwise. Standard output stays free for results.
 */
export const show = Effect.fn("Progress.show")(function* <E, R>(
  label: string,
  progress: Stream.Stream<Progress, E, R>
) {
  const { canAnimate } = yield* TerminalCapabilities.TerminalCapabilities
  const stdio = yield* Stdio.Stdio
  const began = yield* Clock.currentTimeMillis
  let from: number | undefined
  let quarter = 0
  let drawnAt = 0
  let hasEnded = false
  yield* progress.pipe(
    Stream.mapEffect((now) => Effect.map(Clock.currentTimeMillis, (at) => ({ now, at }))),
    Stream.filter(({ now, at }) => {
      from ??= now.done
      const isEnd = now.done >= now.total
      if (hasEnded) return false
      hasEnded = isEnd
      if (canAnimate) {
        if (!isEnd && at - drawnAt < 100) return false
        drawnAt = at
        return true
      }
      const passed = now.total === 0 ? 4 : Math.floor((now.done / now.total) * 4)
      const isNew = passed > quarter
      quarter = Math.max(quarter, passed)
      return isNew
    }),
    Stream.map(({ now, at }) => {
      const line = render(label, now, at - began, undefined, from)
      return canAnimate ? `\r\u001b[2K${line}${now.done >= now.total ? "\n" : ""}` : `${line}\n`
    }),
    Stream.run(stdio.stderr({ endOnDone: false }))
  )
})

/** Runs work under a label; the work tells its progress as it goes. */
export type Shown = <A, E, R>(
  label: string,
  work: (tell: (progress: Progress) => Effect.Effect<void>) => Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R>

/** Shows nothing: for work whose progress nobody watches. */
export const silent: Shown = (_, work) => work(() => Effect.void)

/** Shows each piece of work as `show` does. What is not shown in time is skipped; the end never is. */
export const shown: Effect.Effect<Shown, never, Stdio.Stdio> = Effect.map(
  Effect.context<Stdio.Stdio>(),
  (context): Shown =>
    (label, work) =>
      Effect.gen(function* () {
        const samples = yield* Queue.sliding<Progress, Cause.Done>(16)
        const line = show(label, Stream.fromQueue(samples)).pipe(Effect.provide(context))
        const showing = yield* Effect.forkChild(line, { startImmediately: true })
        const done = yield* work((progress) => Effect.asVoid(Queue.offer(samples, progress))).pipe(
          Effect.onError(() => Fiber.interrupt(showing))
        )
        yield* Queue.end(samples)
        // Progress is for people: where it cannot be written, the work is done all the same.
        yield* Fiber.await(showing)
        return done
      })
)
