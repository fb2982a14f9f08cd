import { DifferenceFigures, Examples } from "./Differences.tsx"
import { Figure, StoryRoom } from "./StoryRoom.tsx"
import { diffStory } from "./story.ts"
import { count } from "./text.ts"

/** The room of the differences between the versions. */
export const Diff = () => (
  <StoryRoom
    title="Diff"
    note="Version 2 beside version 1, row by row, both at the same record. Every difference must come from an event that version 2 is meant to read otherwise; one that does not is unexplained."
    story={diffStory}
    ask="Compare the versions"
    figures={(report) => (
      <>
        <Figure name="both at raw record" value={count(report.through)} />
        <DifferenceFigures report={report} />
      </>
    )}
    details={(report) => (
      <>
        <p>
          Changed rows by field:{" "}
          {Object.entries(report.fields)
            .map(([field, rows]) => `${field} ${count(rows)}`)
            .join(", ") || "none"}
          .
        </p>
        <h3>The first rows that differ</h3>
        <Examples report={report} />
      </>
    )}
  />
)
