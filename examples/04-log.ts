// Below the topics lies a log: segments of columns with checksums, written by one writer, read by many. An end that was
// torn by a crash is cut when the log is opened; damage below what was synced is refused, never papered over.
import { Log } from "@troupe/storage/log"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { temporaryDirectory } from "./temporary-directory.ts"

const write = (directory: string) =>
  Effect.gen(function* () {
    const log = yield* Log.open({ directory, durability: "os" })
    const timeMillis = yield* Clock.currentTimeMillis
    for (let reading = 0; reading < 10_000; reading++) {
      const value = new TextEncoder().encode(`reading ${reading}`)
      const sequence = log.append({ value, timeMillis, subject: `sensor.${reading % 3}` })
      // One wait for a thousand records: they share the write.
      if (reading % 1_000 === 999) yield* log.durable(sequence)
    }
    yield* Console.log("written:", log.endSequence - log.firstSequence, "records,", log.bytes, "bytes")
  }).pipe(Effect.scoped)

const readBack = (directory: string) =>
  Effect.gen(function* () {
    const log = yield* Log.openReadOnly({ directory })
    let records = 0
    let bytes = 0
    for (const batches of log.scan()) {
      for (const batch of batches) {
        // Columns, not objects: a batch is a view over the bytes of the file.
        for (let row = batch.start; row < batch.count; row++) bytes += batch.value(row).length
        records += batch.count - batch.start
      }
    }
    yield* Console.log("read back:", records, "records,", bytes, "bytes of values")
  }).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  yield* write(directory)
  yield* readBack(directory)
})

await Effect.runPromise(Effect.scoped(program))
