import { Batch } from "./Batch.tsx"
import { Compare } from "./Compare.tsx"
import { Diff } from "./Diff.tsx"
import { Intent } from "./Intent.tsx"
import { Promotion } from "./Promotion.tsx"
import { Replay } from "./Replay.tsx"
import { Reprocess } from "./Reprocess.tsx"
import { placeOf } from "./Room.tsx"
import { Sessions } from "./Sessions.tsx"
import { Storage } from "./Storage.tsx"
import { social } from "./social.ts"
import { connected, status } from "./store.ts"
import { Trending } from "./Trending.tsx"
import { Wal } from "./Wal.tsx"

const rooms = [
  "Sessions",
  "Shopper intent",
  "Trending",
  "Batch",
  "Lambda beside Kappa",
  "Replay",
  "Reprocess",
  "Diff",
  "Promote and roll back",
  "Storage",
  "Write-ahead log"
]

/** The whole page: one room for each answer that is read from the log. */
export const Page = () => (
  <main>
    <header>
      <h1>One log, every answer</h1>
      <p>
        {status.value && social.value ? `Clicks: ${status.value.input}. Posts: ${social.value.feed}.` : "…"}
      </p>
      <nav aria-label="Rooms">
        {rooms.map((title) => (
          <a key={title} href={`#${placeOf(title)}`}>
            {title}
          </a>
        ))}
      </nav>
    </header>
    <Sessions />
    <Intent />
    <Trending />
    <Batch />
    <Compare />
    <Replay />
    <Reprocess />
    <Diff />
    <Promotion />
    <Storage />
    <Wal />
    <footer>
      {connected.value
        ? "Live: each session is a record in its view's output topic, each change of a row one in its served topic. "
        : "The app does not answer; this page reconnects by itself and goes on behind the last record it saw. "}
      <a href="/docs">API</a>
    </footer>
  </main>
)
