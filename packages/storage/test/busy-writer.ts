// A process that appends, deletes, compacts and removes, and tells now and then which sequence is written.
// It goes on where the last one was killed.
//   node --conditions=@troupe/source test/busy-writer.ts <directory> <records>
import { writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import { Log } from "../src/log.ts"
import { recordOf } from "./sim-log.ts"

const [directory, records] = process.argv.slice(2) as [string, string]

const work = Effect.gen(function* () {
  const log = yield* Log.open({ directory, durability: "os", segmentBytes: 20_000 })
  // The kill may have come between a record and the delete that follows it.
  for (let n = Math.max(1, log.nextSequence - 60); n + 5 < log.nextSequence; n++)
    if (n % 10 === 0) log.deleteRecords(n)
  for (let n = log.nextSequence; n <= Number(records); n++) {
    log.append(recordOf(n))
    if (n % 10 === 5 && n > 5) log.deleteRecords(n - 5)
    if (n % 37 === 0) yield* log.flush
    if (n % 150 === 0) {
      yield* log.flush
      writeSync(1, `${n}\n`)
    }
    if (n % 700 === 0) yield* log.compact()
    if (n % 1000 === 0) yield* log.retain({ maxBytes: 150_000 })
  }
})

await Effect.runPromise(Effect.scoped(work))
