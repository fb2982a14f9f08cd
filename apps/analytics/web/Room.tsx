import type { ComponentChildren } from "preact"

/** The place of a room on the page, by its title. */
export const placeOf = (title: string): string => title.toLowerCase().replaceAll(/[^a-z]+/g, "-")

/** One room: a heading, a sentence of what it shows, and what it shows. */
export const Room = (props: {
  title: string
  note: ComponentChildren
  busy?: boolean
  children: ComponentChildren
}) => (
  <section id={placeOf(props.title)} aria-label={props.title} aria-busy={props.busy === true}>
    <h2>{props.title}</h2>
    <p>{props.note}</p>
    {props.children}
  </section>
)

/** A table that scrolls sideways where there is no room for it; `label` says what it holds. */
export const Table = (props: {
  label: string
  head: ReadonlyArray<string>
  /** Columns of numbers, by position. */
  numbers?: ReadonlyArray<number>
  children: ComponentChildren
}) => (
  // Focusable, so that it scrolls by keyboard too.
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
  <section class="scroll" aria-label={props.label} tabIndex={0}>
    <table>
      <thead>
        <tr>
          {props.head.map((name, column) => (
            <th key={name} scope="col" class={props.numbers?.includes(column) === true ? "number" : ""}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  </section>
)
