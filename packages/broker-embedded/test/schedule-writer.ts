/**
 * The process that gets killed while records wait: `schedule-writer.ts <directory> <os|disk> <round>`.
 *
 * Three fibers let records wait for 0 to 79 ms and cancel every fifth. Told on stdout, once it is acknowledged:
 * `S id` (waits), `c id` (about to be cancelled), `X id` (was cancelled).
 */
import { writeSync } from "node:fs"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

const [directory = "", durability, round = "0"] = process.argv.slice(2)
const tell = (line: string) => Effect.sync(() => writeSync(1, `${line}\n`))
const utf8 = new TextEncoder()

const program = Effect.gen(function* () {
  const topic = yield* (yield* Broker).topic({ name: "later" })
  yield* tell("open")
  const writer = Effect.fnUntraced(function* (fiber: number) {
    for (let n = 0; ; n++) {
      const id = `${round}-${fiber}-${n}`
      const atMillis = (yield* Clock.currentTimeMillis) + ((n * 37) % 80)
      const schedule = `later.${id}`
      yield* topic.appendAt({ atMillis, schedule, subject: "now", data: utf8.encode(id), headers: { id } })
      yield* tell(`S ${id} ${atMillis}`)
      if (n % 5 !== 0) continue
      yield* tell(`c ${id}`)
      if (yield* topic.cancelAt(schedule)) yield* tell(`X ${id}`)
    }
  })
  yield* Effect.all([0, 1, 2].map(writer), { concurrency: "unbounded" })
}).pipe(Effect.provide(Embedded.layer({ directory, durability: durability === "disk" ? "disk" : "os" })))

Effect.runPromise(program)
