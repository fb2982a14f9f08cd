// What the port costs: the broker in memory beside the least that keeps the same bytes in the same order.
import * as Bench from "@troupe/bench"
import { Broker, layerMemory } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const data = new Uint8Array(100)
const group = 1_000

/** Appends groups of records to a fresh topic and reads them all back. */
const appendAndRead = (groups: number) =>
  Effect.gen(function* () {
    const topic = yield* (yield* Broker).topic({ name: "bench" })
    const requests = Array.from({ length: group }, (_, at) => ({ subject: `s.${at % 16}`, data }))
    for (let at = 0; at < groups; at++) yield* topic.appendAll(requests)
    const bytes = yield* topic.read({ from: "first" }).pipe(
      Stream.runFold(
        () => 0,
        (sum, record) => sum + record.data.length
      )
    )
    if (bytes !== groups * group * data.length) return yield* Effect.die("records are missing")
    return groups * group
  }).pipe(Effect.provide(layerMemory, { local: true }))

/** The same with an array: copies the bytes, remembers the subject, reads in order. */
const array = (groups: number): number => {
  const records: Array<{ readonly sequence: number; readonly subject: string; readonly data: Uint8Array }> =
    []
  for (let at = 0; at < groups * group; at++) {
    records.push({ sequence: at + 1, subject: `s.${at % 16}`, data: data.slice() })
  }
  let bytes = 0
  for (const record of records) bytes += record.data.length
  if (bytes !== groups * group * data.length) throw new Error("records are missing")
  return groups * group
}

const groups = ({ quick }: Bench.Turn): number => (quick ? 50 : 200)

export const bench = Bench.define("broker-memory", [
  {
    case: "append groups of 1 000 records of 100 bytes, then read all",
    unit: "records/s",
    ours: { durability: "memory", run: (turn) => Effect.runPromise(appendAndRead(groups(turn))) },
    rival: { name: "an array", durability: "memory", run: (turn) => array(groups(turn)) }
  }
])
