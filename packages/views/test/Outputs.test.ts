import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Codec, Outputs, View } from "../src/index.ts"
import { outputTopic } from "../src/View.ts"
import { fill, purchase, record, type Totals, totals } from "./counting.ts"
import { asProcess } from "./killing.ts"

const partitions = 3
const first = totals({ every: 2 })

/** The second stage: how many purchases all customers of a partition have, from the first stage's outputs. */
const second = View.define<{ purchases: number; seen: Record<string, number> }, number>({
  name: "purchases",
  version: 1,
  initial: () => ({ purchases: 0, seen: {} }),
  fold: (state, chunk) => {
    const outputs: Array<number> = []
    for (const arrived of chunk) {
      for (const { customer, purchases } of Outputs.ofRecord(first, arrived)) {
        state.purchases += purchases - (state.seen[customer] ?? 0)
        state.seen[customer] = purchases
        outputs.push(state.purchases)
      }
    }
    return { state, outputs }
  },
  state: Codec.plainJson(),
  output: Codec.plainJson()
})

const filled = Effect.gen(function* () {
  const broker = yield* Broker
  const input = yield* broker.topic({ name: "purchases" })
  yield* fill(input, partitions, 0, 300)
  yield* asProcess(first, { input, partitions, chunkRecords: 32 }, broker, (running) => running.caughtUp())
  return { broker, between: yield* broker.topic({ name: outputTopic(first) }) }
})

describe("the outputs of a record", () => {
  it.effect("are the decoded outputs of its commit, in order", () =>
    Effect.gen(function* () {
      const { between } = yield* filled
      const records = yield* Stream.runCollect(between.read({ from: "first" }))
      const commits = yield* Stream.runCollect(Outputs.read(first))
      assert.isAbove(records.length, 5)
      assert.deepStrictEqual(
        records.map((stored) => Outputs.ofRecord(first, stored)),
        commits.map((committed): Array<Totals> => Outputs.decode(first, committed))
      )
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("are the input of the next stage", () =>
    Effect.gen(function* () {
      const { between, broker } = yield* filled
      yield* asProcess(second, { input: between, partitions, chunkRecords: 2 }, broker, (running) =>
        running.caughtUp()
      )
      const totalsByPartition = new Map<number, number>()
      yield* Stream.runForEach(Outputs.read(second), (committed) =>
        Effect.sync(() =>
          totalsByPartition.set(committed.partition, Outputs.decode(second, committed).at(-1) ?? 0)
        )
      )
      // Every customer's purchases, rounded down to what the first stage has said.
      const purchases: Record<string, number> = {}
      for (let index = 0; index < 300; index++) {
        const { customer } = purchase(index)
        purchases[customer] = (purchases[customer] ?? 0) + 1
      }
      const expected = Object.values(purchases).reduce((sum, held) => sum + held - (held % 2), 0)
      assert.strictEqual(
        [...totalsByPartition.values()].reduce((sum, held) => sum + held, 0),
        expected
      )
    }).pipe(Effect.provide([layerMemory, ActorSystem.layer]))
  )

  it.effect("of a record that another view wrote are refused, and the next stage stops with FoldFailed", () =>
    Effect.gen(function* () {
      const { between, broker } = yield* filled
      const [stored] = yield* Stream.runCollect(between.read({ from: "first", limit: 1 }))
      assert.isDefined(stored)
      if (stored === undefined) return
      const changed = totals({ every: 2, codeVersion: "2" })
      assert.throws(
        () => Outputs.ofRecord(changed, stored),
        TypeError,
        /sequence 1 .*no output of view totals@1/
      )
      assert.throws(
        () => Outputs.ofRecord(first, record(7, purchase(0))),
        TypeError,
        /sequence 7 .*no view wrote it/
      )
      const cut = { ...stored, data: stored.data.subarray(0, stored.data.length - 1) }
      assert.throws(() => Outputs.ofRecord(first, cut), TypeError, /damaged/)

      yield* between.append({ subject: "p.0", data: new Uint8Array([1, 2, 3]) })
      const error = yield* asProcess(
        second,
        { input: between, partitions, chunkRecords: 2 },
        broker,
        (running) => running.caughtUp()
      ).pipe(Effect.flip)
      assert.strictEqual(error.reason._tag, "FoldFailed")
      assert.match(error.message, /no output of view totals@1/)
    }).pipe(Effect.provide([layerMemory, ActorSystem.layer]))
  )
})
