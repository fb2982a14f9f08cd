import { Sessions } from "./Sessions.tsx"
import { connected, status } from "./store.ts"

/** The whole page: one room for each answer that is read from the log. */
export const Page = () => (
  <main>
    <header>
      <h1>One log, every answer</h1>
      <p>{status.value ? `Reading ${status.value.input}.` : "…"}</p>
    </header>
    <Sessions />
    <footer>
      {connected.value
        ? "Live: each row is a session in the view's output topic. "
        : "The app does not answer; this page reconnects by itself and misses no session. "}
      <a href="/docs">API</a>
    </footer>
  </main>
)
