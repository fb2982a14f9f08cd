/** A read of what is there is whole, however many read at the same time. */
import { assert, describe, it } from "@effect/vitest"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import { count, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { JetStream } from "../src/index.ts"

const subjects = ["p.0", "p.1", "p.2", "p.3"]
const records = 2_000
const readers = 12

describe.runIf(hasServer)("many reads at once", () => {
  it.live(
    "each has every record, with one filter, with several, and the last of each subject",
    () =>
      Effect.gen(function* () {
        const { servers } = yield* NatsServer.start()
        const broker = yield* JetStream.make({ servers })
        const rounds = count({ quick: 10, long: 300 })
        for (let round = 0; round < rounds; round++) {
          const topic = yield* broker.topic({ name: `read-by-many-${round}` })
          yield* topic.append({ subject: "run.start", data: new Uint8Array(1) })
          for (let at = 0; at < records; at += 500) {
            yield* topic.appendAll(
              Array.from({ length: 500 }, (_, index) => ({
                subject: subjects[(at + index * 7) % subjects.length] ?? "",
                data: new Uint8Array(300)
              }))
            )
          }
          const read = (filters: ReadonlyArray<string>) => Stream.runCount(topic.read({ from: 1, filters }))
          const counts = yield* Effect.all(
            Array.from({ length: readers }, (_, reader) =>
              reader % 4 === 3
                ? Effect.map(Stream.runCount(topic.lastPerSubject("p.*")), (n) => (n * records) / 4)
                : read(reader % 4 === 2 ? ["p.>"] : subjects.flatMap((subject) => [subject, `${subject}.>`]))
            ),
            { concurrency: readers }
          )
          assert.deepStrictEqual(
            counts,
            counts.map(() => records),
            `round ${round}`
          )
        }
      }).pipe(Effect.scoped),
    patience(60_000)
  )
})
