import { Figure, StoryRoom } from "./StoryRoom.tsx"
import { walStory } from "./story.ts"

/** The room of the write-ahead log. */
export const Wal = () => (
  <StoryRoom
    title="Write-ahead log"
    note="A primary in a process of its own ships its log to two replicas; every append waits for one replica's disk. Then kill -9, promotion, the deposed primary's return, and restore to a point in time."
    story={walStory}
    figures={(report) => (
      <>
        <Figure name="acknowledged" value={report.acknowledged} />
        <Figure name="of those lost" value={report.acknowledgedLost} bad={report.acknowledgedLost > 0} />
        <Figure name="promoted" value={`${report.promoted}, epoch ${report.promotedEpoch}`} />
        <Figure name="lag p99" value={`${report.lagMillisP99} ms`} />
        <Figure name="cut from the deposed" value={report.deposedTruncated} />
        <Figure name="restored to" value={report.restoredTo} />
        <Figure name="from files" value={report.archivedFiles} />
        <Figure name="restored wrong" value={report.restoreWrong} bad={report.restoreWrong > 0} />
      </>
    )}
  />
)
