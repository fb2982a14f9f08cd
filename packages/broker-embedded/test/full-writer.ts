/**
 * `full-writer.ts <directory>`: appends until the disk refuses, telling `A sequence` for each acknowledgement and
 * `failed <reason> <message>` at the end; then tells what a later append, a delete and a read answer.
 */
import { writeSync } from "node:fs"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const [directory = ""] = process.argv.slice(2)
const tell = (line: string) => Effect.sync(() => writeSync(1, `${line}\n`))

const program = Effect.gen(function* () {
  const topic = yield* (yield* Broker).topic({ name: "full" })
  const append = topic.append({ subject: "a", data: new Uint8Array(1_000).fill(7) })
  const failure = yield* Effect.flip(
    Effect.forever(Effect.flatMap(append, ({ sequence }) => tell(`A ${sequence}`)))
  )
  yield* tell(`failed ${failure.reason._tag} ${failure.message}`)
  yield* tell(`append ${(yield* Effect.flip(append)).reason._tag}`)
  yield* tell(`delete ${(yield* Effect.flip(topic.delete(1))).reason._tag}`)
  // What was dropped for the record that failed, or is it? These cannot say, and must not wait for ever.
  yield* tell(`last ${(yield* Effect.flip(topic.last("a"))).reason._tag}`)
  yield* tell(`info ${(yield* Effect.flip(topic.info)).reason._tag}`)
  const records = yield* Stream.runCollect(topic.read({ from: "first" }))
  yield* tell(`read ${records.length}`)
}).pipe(Effect.scoped, Effect.provide(Embedded.layer({ directory, durability: "os" })))

Effect.runPromise(program)
