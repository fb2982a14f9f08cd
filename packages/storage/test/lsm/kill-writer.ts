// A process that writes to a store until it is killed, and tells each acknowledged sequence on its standard output.
//   node --conditions=@troupe/source test/lsm/kill-writer.ts <directory> <durability>
import { writeSync } from "node:fs"
import type { Durability } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import { Lsm } from "../../src/lsm.ts"
import { batchWrites, options, writeOf } from "./kill-writes.ts"

const [directory, durability] = process.argv.slice(2) as [string, Durability]

const writeForEver = Effect.gen(function* () {
  const store = yield* Lsm.open(options(directory, durability))
  let next = store.sequence + 1
  const write = Effect.suspend(() => {
    const first = next
    next += batchWrites
    return store.write(Array.from({ length: batchWrites }, (_, i) => writeOf(first + i)))
  })
  for (;;) {
    // Eight batches in flight: they share one batch of the log and one sync.
    const written = yield* Effect.all(
      Array.from({ length: 8 }, () => write),
      { concurrency: "unbounded" }
    )
    writeSync(1, `${Math.max(...written)} ${store.stats.flushes} ${store.stats.compactions}\n`)
  }
})

await Effect.runPromise(Effect.scoped(writeForEver).pipe(Effect.provide(ActorSystem.layer)))
