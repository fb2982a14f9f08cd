import { signal } from "@preact/signals"
import type { SessionShown, Status } from "../src/Api.ts"
import { refreshIntent } from "./intent.ts"
import { follow, refresh } from "./social.ts"

/** Sessions shown: the last ones that closed. */
const shown = 12

/** Where the run stands. */
export const status = signal<Status | undefined>(undefined)

/** The last sessions that closed, newest first. */
export const sessions = signal<ReadonlyArray<SessionShown>>([])

/** False while the app does not answer. */
export const connected = signal(true)

// The browser sends the last sequence it saw as Last-Event-ID when it reconnects: no session is missed.
let latest: ReadonlyArray<SessionShown> = []
let drawing = false
new EventSource("/sessions/events").addEventListener("session", (event: MessageEvent<string>) => {
  latest = [JSON.parse(event.data) as SessionShown, ...latest].slice(0, shown)
  if (drawing) return
  drawing = true
  requestAnimationFrame(() => {
    drawing = false
    sessions.value = latest
  })
})

// The room about intent draws a lot: once a second is often enough for it.
let polls = 0
const poll = async () => {
  try {
    const [answer] = await Promise.all([
      fetch("/status"),
      refresh(),
      ...(polls++ % 2 === 0 ? [refreshIntent()] : [])
    ])
    status.value = (await answer.json()) as Status
    connected.value = true
  } catch {
    connected.value = false
  }
  setTimeout(poll, 500)
}
follow()
void poll()
