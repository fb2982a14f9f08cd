import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, type Topic } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Replay, Views } from "../src/index.ts"
import { outputTopic } from "../src/View.ts"
import { fill, table, totals, truth } from "./counting.ts"
import { asProcess, withAppend } from "./killing.ts"

const partitions = 2
const view = totals({})
const settings = { partitions, chunkRecords: 50 }

/** A broker whose appends to the output wait for the gate from the `from`-th on: a process that the machine stopped in the middle. */
const pausing = (broker: Broker["Service"], from: number, gate: Deferred.Deferred<void>) => {
  let appends = 0
  const wrap = (topic: Topic): Topic =>
    withAppend(topic, (request) =>
      Effect.suspend(() =>
        ++appends < from ? topic.append(request) : Effect.andThen(Deferred.await(gate), topic.append(request))
      )
    )
  const paused: Broker["Service"] = {
    ...broker,
    topic: (spec) =>
      Effect.map(broker.topic(spec), (topic) => (topic.name === outputTopic(view) ? wrap(topic) : topic))
  }
  return paused
}

describe("two processors of one partition", () => {
  it.effect("the one that was paused while another took over is fenced, says so, and changes nothing", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const input = yield* broker.topic({ name: "purchases" })
      yield* fill(input, partitions, 0, 300)
      const gate = yield* Deferred.make<void>()
      // Commits twice, then hangs before its third commit.
      const zombie = yield* Effect.forkChild(
        asProcess(view, { ...settings, input }, pausing(broker, 3, gate), (running) => running.failure).pipe(
          Effect.flip
        )
      )
      const output = yield* broker.topic({ name: outputTopic(view) })
      while ((yield* output.info).lastSequence < 2) yield* Effect.yieldNow

      yield* asProcess(view, { ...settings, input }, broker, (running) => running.caughtUp())
      yield* fill(input, partitions, 300, 500)
      yield* asProcess(view, { ...settings, input }, broker, (running) => running.caughtUp())
      const before = yield* Replay.outputDigests(view)

      yield* Deferred.succeed(gate, undefined)
      const error = yield* Fiber.join(zombie)
      assert.strictEqual(error._tag, "ViewError")
      assert.strictEqual(error.reason._tag, "Fenced")
      assert.match(error.message, /another processor appends to this partition/)

      assert.deepStrictEqual(yield* Replay.outputDigests(view), before)
      const rows = yield* Views.rows(view, table)
      assert.deepStrictEqual(new Map([...rows].sort()), new Map([...truth(500, 1)].sort()))
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("the paused one is fenced where its successor has cut the live end elsewhere", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const input = yield* broker.topic({ name: "purchases" })
      yield* fill(input, 1, 0, 70)
      const gate = yield* Deferred.make<void>()
      const options = { input, partitions: 1, chunkRecords: 64 }
      // Commits 1 … 64, then hangs before it commits 65 … 70.
      const zombie = yield* Effect.forkChild(
        asProcess(view, options, pausing(broker, 2, gate), (running) => running.failure).pipe(Effect.flip)
      )
      const output = yield* broker.topic({ name: outputTopic(view) })
      while ((yield* output.info).lastSequence < 1) yield* Effect.yieldNow
      yield* fill(input, 1, 70, 100)
      // Commits 65 … 100: another record than the zombie's.
      yield* asProcess(view, options, broker, (running) => running.caughtUp())
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(zombie)).reason._tag, "Fenced")
      assert.strictEqual((yield* output.info).records, 2)
      assert.isTrue((yield* Replay.verify(view, { input, partitions: 1 })).replayEqualsLive)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("the paused one is fenced also where its successor has committed the very same record", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const input = yield* broker.topic({ name: "purchases" })
      yield* fill(input, 1, 0, 150)
      const gate = yield* Deferred.make<void>()
      const options = { input, partitions: 1, chunkRecords: 50 }
      const zombie = yield* Effect.forkChild(
        asProcess(view, options, pausing(broker, 3, gate), (running) => running.failure).pipe(Effect.flip)
      )
      const output = yield* broker.topic({ name: outputTopic(view) })
      while ((yield* output.info).lastSequence < 2) yield* Effect.yieldNow
      yield* asProcess(view, options, broker, (running) => running.caughtUp())
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(zombie)).reason._tag, "Fenced")
      assert.strictEqual((yield* output.info).records, 3)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("adopts the last append of a predecessor that arrives after it has started", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const input = yield* broker.topic({ name: "purchases" })
      yield* fill(input, 1, 0, 200)
      // The successor hangs before its first commit; meanwhile the predecessor's commit of that chunk lands.
      const gate = yield* Deferred.make<void>()
      const options = { input, partitions: 1, chunkRecords: 50 }
      const successor = yield* Effect.forkChild(
        asProcess(view, options, pausing(broker, 1, gate), (running) => running.caughtUp())
      )
      const never = yield* Deferred.make<void>()
      const output = yield* broker.topic({ name: outputTopic(view) })
      const predecessor = yield* Effect.forkChild(
        asProcess(view, options, pausing(broker, 2, never), () => Effect.never)
      )
      while ((yield* output.info).lastSequence < 1) yield* Effect.yieldNow
      yield* Fiber.interrupt(predecessor)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(successor)
      const verified = yield* Replay.verify(view, { input, partitions: 1 })
      assert.isTrue(verified.replayEqualsLive)
      assert.strictEqual(verified.outputs, 200)
      assert.strictEqual((yield* output.info).records, 4)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("while one commit is on its way, what arrives is collected for the next", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const input = yield* broker.topic({ name: "purchases" })
      const gate = yield* Deferred.make<void>()
      const options = { input, partitions: 1, chunkRecords: 50 }
      yield* asProcess(view, options, pausing(broker, 1, gate), (running) =>
        Effect.gen(function* () {
          for (let index = 0; index < 40; index++) {
            yield* fill(input, 1, index, index + 1)
            for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
          }
          yield* Deferred.succeed(gate, undefined)
          yield* running.caughtUp()
        })
      )
      const output = yield* broker.topic({ name: outputTopic(view) })
      assert.isAtMost((yield* output.info).records, 3)
      assert.strictEqual((yield* Replay.outputDigests(view))[0]?.outputs, 40)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("the same version twice in one actor system is a defect", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const input = yield* broker.topic({ name: "purchases" })
      yield* Views.run(view, { ...settings, input })
      const exit = yield* Effect.exit(Views.run(view, { ...settings, input }))
      assert.isTrue(exit._tag === "Failure" && exit.cause.reasons.some((reason) => reason._tag === "Die"))
    }).pipe(Effect.scoped, Effect.provide([layerMemory, ActorSystem.layer]))
  )
})
