import { Figure, StoryRoom } from "./StoryRoom.tsx"
import { storageStory } from "./story.ts"

const kilobytes = (bytes: number) => `${Math.round(bytes / 1024)} KiB`

/** The room of the log-structured store. */
export const Storage = () => (
  <StoryRoom
    title="Storage"
    note="Four writers on a log-structured store in a process of its own, which is killed three times; then compaction under a live snapshot."
    story={storageStory}
    figures={(report) => (
      <>
        <Figure name="puts" value={report.puts} />
        <Figure name="overwrites" value={report.overwrites} />
        <Figure
          name="acknowledged and lost"
          value={report.acknowledgedLost}
          bad={report.acknowledgedLost > 0}
        />
        <Figure name="kill -9" value={report.kills} />
        <Figure name="bytes before" value={kilobytes(report.bytesBefore)} />
        <Figure name="bytes after" value={kilobytes(report.bytesAfter)} />
        <Figure name="live bytes" value={kilobytes(report.liveBytes)} />
        <Figure name="old versions dropped" value={report.droppedVersions} />
        <Figure name="files rolled" value={report.filesRolled} />
        <Figure name="files archived" value={report.filesArchived} />
        <Figure name="asked of the past" value={report.asOfChecked} />
        <Figure name="answered wrong" value={report.asOfWrong} bad={report.asOfWrong > 0} />
        <Figure
          name="snapshot"
          value={report.snapshotUnchanged ? "unchanged" : "CHANGED"}
          bad={!report.snapshotUnchanged}
        />
      </>
    )}
  />
)
