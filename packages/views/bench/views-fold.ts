/** What running a view costs beside its fold: a million records in memory, against the same fold in a bare loop over the same reads. */
import { define, type Turn } from "@troupe/bench"
import { Broker, layerMemory, Subject, type Topic } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { Codec, View, Views } from "../src/index.ts"

const partitions = 4
const keys = 1024
const keyOf = (data: Uint8Array): number => ((data[0] ?? 0) | ((data[1] ?? 0) << 8)) % keys

/** Counts by key; says a count at every hundredth record of a key. */
const view = View.define<Int32Array, number>({
  name: "counts",
  version: 1,
  initial: () => new Int32Array(keys),
  fold: (state, chunk) => {
    const outputs: Array<number> = []
    for (const record of chunk) {
      const key = keyOf(record.data)
      const count = (state[key] ?? 0) + 1
      state[key] = count
      if (count % 100 === 0) outputs.push(key)
    }
    return { state, outputs }
  },
  state: Codec.make({
    encode: (state) => new Uint8Array(state.buffer.slice(0)),
    decode: (bytes) => new Int32Array(bytes.slice().buffer)
  }),
  output: Codec.plainJson()
})

const recordsOf = ({ quick }: Turn): number => (quick ? 200_000 : 1_000_000)

const fill = (input: Topic, records: number) =>
  Effect.gen(function* () {
    for (let at = 0; at < records; at += 1000) {
      const indexes = Array.from({ length: 1000 }, (_, offset) => at + offset)
      yield* input.appendAll(
        indexes.map((index) => {
          const data = new Uint8Array(32)
          data[0] = index & 255
          data[1] = (index >> 8) & 255
          return { subject: Subject.partitionSubject(index % partitions), data }
        })
      )
    }
  })

const runtime = ManagedRuntime.make(Layer.merge(layerMemory, ActorSystem.layer))
const open = Effect.flatMap(Broker, (broker) => broker.topic({ name: "records" }))
let runs = 0

const run = (turn: Turn) =>
  Effect.gen(function* () {
    const input = yield* open
    const broker = yield* Broker
    const running = yield* Views.run(view, { input, partitions, namespace: `run-${runs++}` })
    yield* running.caughtUp()
    yield* running.stop
    yield* broker.deleteTopic(running.outputTopic)
    return recordsOf(turn)
  }).pipe(Effect.scoped)

const loop = (turn: Turn) =>
  Effect.gen(function* () {
    const input = yield* open
    const states = Array.from({ length: partitions }, (_, partition) => view.initial(partition))
    let outputs = 0
    yield* Stream.runForEachArray(input.read({ from: "first" }), (records) =>
      Effect.sync(() => {
        for (const record of records) {
          const partition = Number(record.subject.slice(2))
          outputs += view.fold(states[partition] ?? view.initial(partition), [record], partition).outputs
            .length
        }
      })
    )
    if (outputs === 0) return yield* Effect.die(new Error("the loop folded nothing"))
    return recordsOf(turn)
  })

export const bench = define("views-fold", [
  {
    case: "fold and commit, 4 partitions",
    unit: "records/s",
    ours: {
      durability: "memory",
      setup: (turn) => runtime.runPromise(Effect.flatMap(open, (input) => fill(input, recordsOf(turn)))),
      run: (turn) => runtime.runPromise(run(turn))
    },
    rival: {
      name: "a bare loop that commits nothing",
      durability: "memory",
      run: (turn) => runtime.runPromise(loop(turn)),
      teardown: () => runtime.dispose()
    }
  }
])
