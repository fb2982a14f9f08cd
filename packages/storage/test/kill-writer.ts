// A process that appends to a log until it is killed, and tells each acknowledged sequence on its standard output.
//   node --conditions=@troupe/source test/kill-writer.ts <directory> <durability>
import { writeSync } from "node:fs"
import type { Durability } from "@troupe/broker"
import * as Effect from "effect/Effect"
import { Log } from "../src/log.ts"
import { groupRecords, recordOf } from "./sim-log.ts"

const [directory, durability] = process.argv.slice(2) as [string, Durability]

const appendForEver = Effect.gen(function* () {
  const log = yield* Log.open({ directory, durability, segmentBytes: 20_000 })
  for (;;) {
    const first = log.nextSequence
    const records = Array.from({ length: groupRecords }, (_, i) => recordOf(first + i))
    const last = log.appendBatch(records) + groupRecords - 1
    // Several groups in flight, so that a kill finds open batches too.
    if (first % 5 !== 0) continue
    yield* log.durable(last)
    writeSync(1, `${last}\n`)
    if (first % 2 === 0) yield* Effect.yieldNow
  }
})

await Effect.runPromise(Effect.scoped(appendForEver))
