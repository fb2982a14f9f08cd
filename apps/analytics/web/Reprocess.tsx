import type { ReprocessProgress } from "../src/social/SocialStatus.ts"
import { DifferenceFigures, Examples } from "./Differences.tsx"
import { Figure, StoryRoom } from "./StoryRoom.tsx"
import { social } from "./social.ts"
import { reprocessStory } from "./story.ts"
import { count, millis, seconds } from "./text.ts"

const phaseText = ({ done, etaMillis, phase, ratePerSecond, total }: ReprocessProgress): string => {
  switch (phase) {
    case "idle":
      return ""
    case "measuring":
      return "Looking at the live latency first, for 2 seconds."
    case "folding":
      return `Version 2 has folded ${count(done)} of ${count(total)} records, ${count(ratePerSecond)} a second, ${etaMillis === null ? "no end in sight yet" : `${seconds(etaMillis)} left`}.`
    case "proving":
      return `Version 2 has folded all ${count(total)} records. Comparing it with version 1, then with DuckDB.`
  }
}

const Bar = ({ progress }: { progress: ReprocessProgress }) => (
  <div class="progress">
    <progress
      aria-label="Records that version 2 has folded"
      max={Math.max(1, progress.total)}
      value={progress.done}
    />
    <p role="status">{phaseText(progress)}</p>
  </div>
)

/** The room of reprocessing: the history again with version 2, beside version 1 under live traffic. */
export const Reprocess = () => {
  const progress = social.value?.reprocess
  const isGoingOn = progress !== undefined && progress.phase !== "idle"
  return (
    <StoryRoom
      title="Reprocess"
      note="Version 2 folds the whole history beside version 1, which goes on serving; held back when version 1's answers get late. Then both are compared row by row, and version 2 is proved against DuckDB. What readers are told does not change."
      story={reprocessStory}
      ask="Reprocess with version 2"
      busy={isGoingOn}
      figures={(report) => (
        <>
          <Figure
            name="records folded by this run"
            value={report.reprocessed === 0 ? "none, ran already" : count(report.reprocessed)}
          />
          <Figure name="in" value={seconds(report.reprocessMillis)} />
          <Figure name="live p99 before" value={millis(report.liveP99Before)} />
          <Figure
            name={
              report.liveP99During === null ? "live p99 meanwhile (nothing came in)" : "live p99 meanwhile"
            }
            value={millis(report.liveP99During)}
          />
          <Figure name="held to a p99 of" value={millis(report.budgetMillis)} />
          <Figure name="held back (rate halved)" value={`${report.throttleCuts} ×`} />
          <DifferenceFigures report={report} />
          <Figure
            name="proved equal to DuckDB"
            value={report.proved ? `yes, ${count(report.provedRows)} rows` : "NO"}
            bad={!report.proved}
          />
        </>
      )}
      details={(report) => (
        <>
          <h3>The first rows that differ</h3>
          <Examples report={report} />
        </>
      )}
    >
      {isGoingOn ? <Bar progress={progress} /> : null}
    </StoryRoom>
  )
}
