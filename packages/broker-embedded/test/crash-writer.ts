/**
 * The process that gets killed: `crash-writer.ts <directory> <os|disk> <round>`.
 *
 * Four fibers append under ids `round.fiber.n`, one at a time each, and delete some of what they appended; two more take
 * from a subscription and confirm. Every step is told on stdout, by a synchronous write, once it is acknowledged:
 * `A sequence id`, `d sequence` (about to delete), `D sequence` (deleted), `R sequence attempt`, `C sequence` (confirmed).
 */
import { writeSync } from "node:fs"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"

const [directory = "", durability, round = "0"] = process.argv.slice(2)
const tell = (line: string) => Effect.sync(() => writeSync(1, `${line}\n`))
const utf8 = new TextEncoder()

const program = Effect.gen(function* () {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: "crash", dedupeWindow: "1 hour" })
  const subscription = yield* topic.subscription({ name: "work", ackWait: "1 minute" })
  yield* tell("open")
  const writer = Effect.fnUntraced(function* (fiber: number) {
    for (let n = 0; ; n++) {
      const id = `${round}.${fiber}.${n}`
      // Every third in a group with the next one: both or none.
      const request = { subject: `from.${fiber}`, data: utf8.encode(id), messageId: id, headers: { id } }
      if (n % 3 === 0) {
        const next = `${round}.${fiber}.${++n}`
        const pair = {
          subject: `from.${fiber}`,
          data: utf8.encode(next),
          messageId: next,
          headers: { id: next }
        }
        const [first, second] = yield* topic.appendAll([request, pair])
        yield* tell(`A ${first} ${id}\nA ${second} ${next}`)
      } else {
        const { sequence } = yield* topic.append(request)
        yield* tell(`A ${sequence} ${id}`)
        if (n % 7 === 2) {
          yield* tell(`d ${sequence}`)
          yield* topic.delete(sequence)
          yield* tell(`D ${sequence}`)
        }
      }
    }
  })
  const worker = Effect.gen(function* () {
    const reader = yield* subscription.reader({ prefetch: 4 })
    for (;;) {
      for (const delivery of yield* reader.take(4)) {
        const { sequence } = delivery.record
        yield* tell(`R ${sequence} ${delivery.attempt}`)
        if (sequence % 2 === 0) yield* delivery.ack
        else {
          yield* delivery.ackConfirmed
          yield* tell(`C ${sequence}`)
        }
      }
    }
  })
  yield* Effect.all([...[0, 1, 2, 3].map(writer), worker, worker], { concurrency: "unbounded" })
}).pipe(
  Effect.scoped,
  Effect.provide(Embedded.layer({ directory, durability: durability === "disk" ? "disk" : "os" }))
)

Effect.runPromise(program)
