import { Figure, StoryRoom } from "./StoryRoom.tsx"
import { batchStory } from "./story.ts"
import { count, kibibytes } from "./text.ts"

/** The room of the archive and its proof. */
export const Batch = () => (
  <StoryRoom
    title="Batch"
    note="Archives the raw topic to Parquet, reads it back, has DuckDB compute every row of the served version from it, and compares them by digests of each partition and hour."
    story={batchStory}
    ask="Archive and prove"
    figures={(report) => (
      <>
        <Figure name="version" value={report.version} />
        <Figure name="records archived now" value={count(report.archived)} />
        <Figure name="archived through record" value={count(report.through)} />
        <Figure
          name="read back through record"
          value={count(report.verifiedThrough)}
          bad={report.verifiedThrough < report.through}
        />
        <Figure name="Parquet files" value={count(report.files)} />
        <Figure name="of size" value={kibibytes(report.bytes)} />
        <Figure name="rows by DuckDB" value={count(report.rows)} />
        <Figure
          name="proved equal"
          value={report.proved ? `yes, ${count(report.buckets)} buckets` : "NO"}
          bad={!report.proved}
        />
      </>
    )}
    details={(report) => (
      <>
        <p class="digest">
          SHA-256 of the rows: <code>{report.digest}</code>
        </p>
        {report.differences.length === 0 ? null : (
          <ul class="list">
            {report.differences.map(({ batch, key, view }) => (
              <li key={key}>
                <code>{key}</code>: DuckDB {batch ?? "no row"}, view {view ?? "no row"}
              </li>
            ))}
          </ul>
        )}
      </>
    )}
  />
)
