// Makes the store that test/lsm/golden keeps of a format version: sixty flushed writes, a delete and a full compaction,
// and two changes that only the log has.
//   node --conditions=@troupe/source test/lsm/make-golden.ts <new directory>
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import { Lsm } from "../../src/lsm.ts"

const [directory] = process.argv.slice(2) as [string]

const make = Effect.gen(function* () {
  const store = yield* Lsm.open({
    directory,
    durability: "disk",
    memtableBytes: 4096,
    history: { versions: 2 }
  })
  for (let n = 0; n < 60; n++) yield* store.put(`key:${String(n % 40).padStart(3, "0")}`, `value ${n}`)
  yield* store.flush
  yield* store.delete("key:007")
  yield* store.compact
  yield* store.put("only in the log", "yes")
  yield* store.delete("key:008")
})

await Effect.runPromise(Effect.scoped(make).pipe(Effect.provide(ActorSystem.layer)))
