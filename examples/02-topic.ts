// A topic is the truth: named, ordered, append-only. Here it lies in plain files and outlives what wrote it. Exchange
// the layer for `layerMemory` or `JetStream.layer`: nothing else changes.
import { Broker, type BrokerError } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { temporaryDirectory } from "./temporary-directory.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array) => new TextDecoder().decode(data)

const write = Effect.gen(function* () {
  const orders = yield* (yield* Broker).topic({ name: "orders" })
  yield* orders.append({ subject: "order.1", data: bytes("placed"), messageId: "order-1-placed" })

  // The same message again, as a client that never got its answer sends it: nothing is stored twice.
  const again = yield* orders.append({
    subject: "order.1",
    data: bytes("placed"),
    messageId: "order-1-placed"
  })
  yield* Console.log("sent twice, stored once:", again)

  // Two that both saw sequence 1 as the last of this order: one of them has to look again.
  yield* orders.append({ subject: "order.1", data: bytes("paid"), expectLast: 1 })
  const late = yield* Effect.flip(
    orders.append({ subject: "order.1", data: bytes("cancelled"), expectLast: 1 })
  )
  yield* Console.log("the slower writer is told:", late.reason._tag)
})

const readBack = Effect.gen(function* () {
  const orders = yield* (yield* Broker).topic({ name: "orders" })
  yield* orders
    .read({ from: "first" })
    .pipe(Stream.runForEach((record) => Console.log(record.sequence, record.subject, text(record.data))))
})

const program = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const once = <A, E>(effect: Effect.Effect<A, E | BrokerError, Broker>) =>
    Effect.provide(effect, Layer.fresh(Embedded.layer({ directory, durability: "disk" })), { local: true })
  yield* once(write)
  yield* Console.log("closed, and opened again:")
  yield* once(readBack)
})

await Effect.runPromise(Effect.scoped(program))
