import * as Clock from "effect/Clock"
import { TerminalCapabilities } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

/** How far a piece of work has come, in its own unit. */
export interface Progress {
  readonly done: number
  readonly total: number
}

const left = (millis: number): string => {
  if (!Number.isFinite(millis)) return "never"
  const seconds = Math.ceil(millis / 1000)
  return seconds < 100 ? `${seconds} s left` : `${Math.ceil(seconds / 60)} min left`
}

/** One line that says how far `progress` is, how fast it goes and when it ends; "never" when nothing moves. */
export const render = (label: string, progress: Progress, elapsedMillis: number, width = 24): string => {
  const share = progress.total === 0 ? 1 : Math.min(1, progress.done / progress.total)
  const perMilli = elapsedMillis <= 0 ? 0 : progress.done / elapsedMillis
  const rest = progress.total - progress.done
  const eta = rest <= 0 ? "done" : left(perMilli === 0 ? Number.POSITIVE_INFINITY : rest / perMilli)
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
  let quarter = 0
  let drawnAt = 0
  yield* progress.pipe(
    Stream.mapEffect((now) => Effect.map(Clock.currentTimeMillis, (at) => ({ now, at }))),
    Stream.filter(({ now, at }) => {
      const isEnd = now.done >= now.total
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
      const line = render(label, now, at - began)
      return canAnimate ? `\r\u001b[2K${line}${now.done >= now.total ? "\n" : ""}` : `${line}\n`
    }),
    Stream.run(stdio.stderr({ endOnDone: false }))
  )
})
