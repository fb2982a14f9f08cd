// A log is shipped to replicas byte for byte. What one replica has on its disk survives the primary; the next primary begins a
// new epoch, and whoever still believes in the old one is refused.
import { Log } from "@troupe/storage/log"
import { Ack, inProcess, Primary, promote, Replica } from "@troupe/storage/shipping"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { temporaryDirectory } from "./temporary-directory.ts"

const record = (value: string) =>
  Effect.map(Clock.currentTimeMillis, (timeMillis) => ({
    value: new TextEncoder().encode(value),
    timeMillis
  }))

const program = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const transport = inProcess()
  const log = yield* Log.open({ directory: `${directory}/primary`, durability: "disk" })
  const primary = yield* Primary.make({ log, transport, ack: Ack.durable(1) })
  const one = yield* Replica.open({ directory: `${directory}/one`, name: "one", transport })
  const two = yield* Replica.open({ directory: `${directory}/two`, name: "two", transport })

  const sequence = yield* primary.append(yield* record("two books"))
  yield* Console.log("acknowledged on two disks:", sequence)

  const promoted = yield* promote({ candidates: [one, two], replicas: 2, durable: 1 })
  const next = yield* Primary.make({ log: promoted.log, transport, ack: Ack.durable(1) })
  yield* Console.log("epoch", next.epoch, "goes on with", yield* next.append(yield* record("three books")))

  const refused = yield* Effect.flip(primary.append(yield* record("too late")))
  yield* Console.log("the old primary is told:", refused.message)
})

await Effect.runPromise(Effect.scoped(program))
