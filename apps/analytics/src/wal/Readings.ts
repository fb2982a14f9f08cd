import { Table } from "@troupe/console"
import { type BatchView, Log } from "@troupe/storage/log"
import { asEvents, asWal } from "@troupe/storage/shipping"
import * as Effect from "effect/Effect"

const text = new TextDecoder()
const short = (bytes: Uint8Array) => {
  const all = text.decode(bytes)
  return all.length > 28 ? `${all.slice(0, 27)}…` : all
}
const hex = (value: number) => value.toString(16).padStart(8, "0")

const renderBatch = (batch: BatchView): string => {
  const wal = asWal(batch)
  const head = `batch ${wal.sequence}…${wal.nextSequence - 1}  ${wal.bytes} B  epoch ${wal.epoch}  crc ${hex(wal.headerCrc)}  after ${hex(wal.chain)}  synced below ${wal.syncedTo}`
  const events = asEvents(batch)
  const rows = wal.operations.map((operation, i) => {
    const event = events[i]
    const change =
      operation._tag === "Append" ? "append" : `${operation._tag.toLowerCase()} ${short(operation.key)}`
    const said = operation._tag === "Delete" ? "–" : short(operation.value)
    const at = event === undefined ? "" : new Date(event.timeMillis).toISOString().slice(11, 23)
    return [String(operation.sequence), at, event?.subject ?? "", said, change]
  })
  return `${head}\n${Table.render([["event", "time", "subject", "value", "as a write-ahead log"], ...rows])}`
}

/** The last batches of a log, each read as events of a stream and as a database's write-ahead log: the same bytes, twice. */
export const render = Effect.fn("Readings.render")(function* (directory: string, batches: number) {
  const log = yield* Log.openReadOnly({ directory })
  return yield* Log.attempt(() => {
    const last: Array<BatchView> = []
    for (const group of log.scan()) {
      for (const batch of group) {
        if (!batch.isControl) last.push(batch)
        if (last.length > batches) last.shift()
      }
    }
    return last.map(renderBatch).join("\n\n")
  })
}, Effect.scoped)
