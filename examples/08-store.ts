// A log-structured store is a reader of its own log: writes go to the log first, tables are made of it, and what a later write
// made redundant (a like that was taken back) is compacted away, unless a snapshot or the history still needs it.
import { ActorSystem } from "@troupe/runtime"
import { Lsm } from "@troupe/storage/lsm"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { temporaryDirectory } from "./temporary-directory.ts"

const text = new TextDecoder()

const program = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const store = yield* Lsm.open({
    directory: `${directory}/store`,
    durability: "os",
    history: { versions: 2 }
  })
  const liked = yield* store.put("like:anna:42", "yes")
  // One batch: all of it or nothing, also over a crash.
  yield* store.write([
    { type: "delete", key: "like:anna:42" },
    { type: "put", key: "like:ben:42", value: "yes" }
  ])
  for (const { key } of store.scan({ prefix: "like:" })) yield* Console.log("now:", text.decode(key))
  const before = yield* store.getAsOf("like:anna:42", { sequence: liked })
  yield* Console.log("anna, after the first write:", text.decode(before))
  yield* Effect.scoped(
    Effect.gen(function* () {
      const snapshot = yield* store.snapshot
      yield* store.put("like:carl:42", "yes")
      yield* store.compact
      yield* Console.log(
        "the snapshot still has",
        [...snapshot.scan()].length,
        "like, the store has",
        [...store.scan()].length
      )
    })
  )
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(ActorSystem.layer)))
