import { writeFileSync } from "node:fs"
import { type ClickEvent, Simulator } from "@troupe/clickstream"

/** Simulated shoppers as a file of the release that comes with the paper, and the same clicks. */
export const writeCoveo = (path: string, options: Simulator.SimulatorOptions): ReadonlyArray<ClickEvent> => {
  const events = [...Simulator.events(options)]
  const rows = events.map(({ action, sessionIdHash, skus, timeMillis, urlHash }) => {
    const isView = action === "view"
    return [
      sessionIdHash,
      isView ? "pageview" : "event",
      isView ? "" : action,
      skus.join("|"),
      timeMillis,
      urlHash
    ].join(",")
  })
  const header =
    "session_id_hash,event_type,product_action,product_skus_hash,server_timestamp_epoch_ms,hashed_url"
  writeFileSync(path, `${[header, ...rows].join("\n")}\n`)
  return events
}

/** Counts of the pipeline by the simulator's own sessions, which no gap of half an hour cuts: knows nothing of what it checks. */
export const countBySession = (events: ReadonlyArray<ClickEvent>) => {
  const sessions = new Map<string, Array<ClickEvent>>()
  for (const event of events) {
    const session = sessions.get(event.sessionIdHash)
    if (session === undefined) sessions.set(event.sessionIdHash, [event])
    else session.push(event)
  }
  const counts = { sessions: sessions.size, purchaseSessions: 0, kept: 0, keptBuyers: 0 }
  for (const session of sessions.values()) {
    const purchase = session.findIndex(({ action }) => action === "purchase")
    const length = purchase < 0 ? session.length : purchase
    const buyer = purchase < 0 ? 0 : 1
    counts.purchaseSessions += buyer
    if (length < 5 || length > 155) continue
    counts.kept += 1
    counts.keptBuyers += buyer
  }
  return counts
}
