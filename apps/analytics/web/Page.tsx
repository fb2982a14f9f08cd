import { Sessions } from "./Sessions.tsx"
import { Storage } from "./Storage.tsx"
import { connected, status } from "./store.ts"
import { Wal } from "./Wal.tsx"

/** The whole page: one room for each answer that is read from the log. */
export const Page = () => (
  <main>
    <header>
      <h1>One log, every answer</h1>
      <p>{status.value ? `Reading ${status.value.input}.` : "…"}</p>
    </header>
    <Sessions />
    <Storage />
    <Wal />
    <footer>
      {connected.value
        ? "Live: each row is a session in the view's output topic. "
        : "The app does not answer; this page reconnects by itself and misses no session. "}
      <a href="/docs">API</a>
    </footer>
  </main>
)
