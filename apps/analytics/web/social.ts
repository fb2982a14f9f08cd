/** What the rooms about the social feed show. */
import { signal } from "@preact/signals"
import type { RowChanged, SocialStatus } from "../src/social/SocialStatus.ts"
import type { TrendingReport } from "../src/social/TrendingReport.ts"

/** Changes shown: the last ones. */
const shown = 8

/** Where the feed, its versions and the alias stand. */
export const social = signal<SocialStatus | undefined>(undefined)

/** What trends. */
export const trending = signal<TrendingReport | undefined>(undefined)

/** The last rows that changed, newest first. */
export const changes = signal<ReadonlyArray<RowChanged>>([])

/** Follows the rows that change. */
export const follow = () => {
  // The browser sends the last id it saw as Last-Event-ID when it reconnects: what changed meanwhile comes first.
  let latest: ReadonlyArray<RowChanged> = []
  let drawing = false
  new EventSource("/social/trending/events").addEventListener("row", (event: MessageEvent<string>) => {
    latest = [JSON.parse(event.data) as RowChanged, ...latest].slice(0, shown)
    if (drawing) return
    drawing = true
    requestAnimationFrame(() => {
      drawing = false
      changes.value = latest
    })
  })
}

/** Asks where everything is. */
export const refresh = async () => {
  const [status, report] = await Promise.all([fetch("/social/status"), fetch("/social/trending")])
  social.value = (await status.json()) as SocialStatus
  trending.value = (await report.json()) as TrendingReport
}
