import type { DiffReport } from "../src/social/DiffReport.ts"
import { Figure } from "./StoryRoom.tsx"
import { count, rowText } from "./text.ts"

/** The figures of what is different between two versions. */
export const DifferenceFigures = ({ report }: { report: DiffReport }) => (
  <>
    <Figure name="rows the same" value={count(report.same)} />
    <Figure name="added" value={count(report.added)} />
    <Figure name="removed" value={count(report.removed)} />
    <Figure name="changed" value={count(report.changed)} />
    <Figure name="differences unexplained" value={count(report.unexplained)} bad={report.unexplained > 0} />
  </>
)

const sequencesShown = 8

const becauseOf = (sequences: ReadonlyArray<number>): string => {
  if (sequences.length === 1) return `because of raw record ${sequences[0]}, `
  const rest = sequences.length - sequencesShown
  const more = rest > 0 ? ` and ${count(rest)} more` : ""
  return `because of raw records ${sequences.slice(0, sequencesShown).join(", ")}${more}, the first being `
}

/** The first rows that differ, each with the events that made the difference. */
export const Examples = ({ report }: { report: DiffReport }) => (
  <ul class="list">
    {report.unexplainedExamples.map(({ key, reason }) => (
      <li key={`unexplained ${key}`} class="bad">
        <code>{key}</code> is not explained: {reason}
      </li>
    ))}
    {report.examples.map(({ after, because, before, key, sequences }) => (
      <li key={key}>
        <code>{key}</code>: <em>{rowText(before)}</em> → <em>{rowText(after)}</em>
        <br />
        {becauseOf(sequences)}
        {because}
      </li>
    ))}
  </ul>
)
