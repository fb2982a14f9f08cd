/** What checked rows cost: reading a Google-day CSV into events, against splitting the same text at commas. */
import { define, type Turn } from "@troupe/bench"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ClickReader, Simulator } from "../src/index.ts"

const header =
  "visitor_id,session_id_hash,event_type,product_action,product_skus_hash,server_timestamp_epoch_ms,hashed_url,hit_number"

const csvOf = (turn: Turn): string => {
  const rows = [header]
  for (const event of Simulator.events({ seed: 1, events: turn.quick ? 50_000 : 300_000 })) {
    const action = event.action === "view" ? "" : event.action
    rows.push(
      `${event.key},${event.sessionIdHash},event,${action},${event.skus.join("|")},${event.timeMillis},${event.urlHash},${event.hitNumber}`
    )
  }
  return rows.join("\n")
}

let held:
  | { readonly text: string; readonly pieces: ReadonlyArray<Uint8Array>; readonly rows: number }
  | undefined
const load = (turn: Turn) => {
  if (held === undefined) {
    const text = csvOf(turn)
    const bytes = new TextEncoder().encode(text)
    const pieces = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) =>
      bytes.slice(i * 65_536, (i + 1) * 65_536)
    )
    held = { text, pieces, rows: text.split("\n").length - 1 }
  }
  return held
}
const setup = (turn: Turn): void => {
  load(turn)
}

const read = async (turn: Turn): Promise<number> => {
  let events = 0
  await Effect.runPromise(
    ClickReader.read(Stream.fromIterable(load(turn).pieces, { chunkSize: 1 })).pipe(
      Stream.runForEach((chunk) =>
        Effect.sync(() => {
          events += chunk.events.length
        })
      )
    )
  )
  return events
}

const split = (turn: Turn): number => {
  let fields = 0
  for (const line of load(turn).text.split("\n")) fields += line.split(",").length
  return fields > 0 ? load(turn).rows : 0
}

const rival = { name: "split at commas", durability: "memory", setup, run: split } as const

export const bench = define("clickstream-read", [
  { case: "read checked events", unit: "events/s", ours: { durability: "memory", setup, run: read }, rival }
])
