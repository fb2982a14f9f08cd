import type { ComponentChildren } from "preact"
import { Room } from "./Room.tsx"
import type { Story } from "./story.ts"

/** One figure of a room; `bad` when it must be 0 and is not. */
export const Figure = ({ name, value, bad }: { name: string; value: string | number; bad?: boolean }) => (
  <div>
    <dt>{name}</dt>
    <dd class={bad === true ? "bad" : ""}>{value}</dd>
  </div>
)

/** The button that asks for a story. */
export const Ask = (props: { story: Story<unknown>; children: string; busy?: boolean }) => {
  const isRunning = props.story.isRunning.value || props.busy === true
  return (
    <button type="button" disabled={isRunning} onClick={props.story.tell}>
      {isRunning ? "Running…" : props.children}
    </button>
  )
}

/** A room that tells its story at the press of a button and shows what came of it. */
export const StoryRoom = <Report,>(props: {
  title: string
  note: ComponentChildren
  story: Story<Report>
  /** What the button says; "Run it" by default. */
  ask?: string
  /** True while the same is going on for somebody else. */
  busy?: boolean
  /** Beside the button. */
  controls?: ComponentChildren
  /** Shown whether or not anything was told. */
  children?: ComponentChildren
  figures: (report: Report) => ComponentChildren
  /** Below the figures. */
  details?: (report: Report) => ComponentChildren
}) => {
  const { failure, report } = props.story
  const told = report.value
  return (
    <Room title={props.title} note={props.note} busy={props.story.isRunning.value}>
      <div class="controls">
        {props.controls}
        <Ask story={props.story} {...(props.busy === undefined ? {} : { busy: props.busy })}>
          {props.ask ?? (told === undefined ? "Run it" : "Run it again")}
        </Ask>
      </div>
      {props.children}
      {failure.value === "" ? null : <p role="alert">{failure.value}</p>}
      <div aria-live="polite">
        {told === undefined ? null : (
          <>
            <dl>{props.figures(told)}</dl>
            {props.details?.(told)}
          </>
        )}
      </div>
    </Room>
  )
}
