/** `lock-holder.ts <directory>`: opens the directory and says `open`, then holds it; or says `held <pid>` and ends. */
import { writeSync } from "node:fs"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"

const [directory = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  yield* Broker
  writeSync(1, "open\n")
  return yield* Effect.never
}).pipe(
  Effect.provide(Embedded.layer({ directory, durability: "os" })),
  Effect.catchTag("DirectoryHeld", (held) => Effect.sync(() => writeSync(1, `held ${held.pid}\n`)))
)

// A pending promise keeps no process alive; a timer does.
const alive = setInterval(() => {}, 1_000)
Effect.runPromise(program).finally(() => clearInterval(alive))
