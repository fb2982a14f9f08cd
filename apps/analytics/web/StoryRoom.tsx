import type { ComponentChildren } from "preact"
import type { Story } from "./story.ts"

/** One figure of a room; `bad` when it must be 0 and is not. */
export const Figure = ({ name, value, bad }: { name: string; value: string | number; bad?: boolean }) => (
  <div>
    <dt>{name}</dt>
    <dd class={bad === true ? "bad" : ""}>{value}</dd>
  </div>
)

/** A room that tells its story at the press of a button and shows what came of it. */
export const StoryRoom = <Report,>(props: {
  title: string
  note: string
  story: Story<Report>
  figures: (report: Report) => ComponentChildren
}) => {
  const { failure, isRunning, report, tell } = props.story
  const told = report.value
  return (
    <section aria-label={props.title}>
      <h2>{props.title}</h2>
      <p>{props.note}</p>
      <p>
        <button type="button" disabled={isRunning.value} onClick={tell}>
          {isRunning.value ? "Running…" : told === undefined ? "Run it" : "Run it again"}
        </button>
      </p>
      {failure.value === "" ? null : <p role="alert">{failure.value}</p>}
      {told === undefined ? null : <dl>{props.figures(told)}</dl>}
    </section>
  )
}
