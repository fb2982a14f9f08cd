import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { type Contender, measured } from "@troupe/bench"
import { Actor, ActorSystem, Message } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"

class Order extends Message.Class<Order>()("Order", { payload: { json: Schema.String } }) {}
class Ping extends Message.Class<Ping>()("Ping", { payload: { sentMillis: Schema.Number } }) {}
const Flooded = Actor.make("bench/Flooded", [Order])
const Quiet = Actor.make("bench/Quiet", [Ping])

const nowMillis = (): number => Number(process.hrtime.bigint()) / 1e6

/** An order of so many lines; its handler parses it, which takes about a microsecond for every eight of them. */
const orderOf = (lines: number): Order =>
  new Order({
    json: JSON.stringify({
      lines: Array.from({ length: lines }, (_, n) => ({ sku: `sku-${n}`, quantity: n }))
    })
  })

/** Sends the time once a millisecond, as a network would: a timer of the flooded thread itself would not know that it is late. */
const sender = `
  const { parentPort } = require("node:worker_threads")
  setInterval(() => parentPort.postMessage(Number(process.hrtime.bigint()) / 1e6), 1)
`

/**
 * Milliseconds that 99 of 100 messages to a quiet actor wait at most, from the moment that another thread sends them until
 * their handler begins, while four fibers keep the mailbox of another actor full with orders of so many lines.
 */
export const wait = (lines: number): Contender => ({
  durability: "memory",
  run: async ({ quick }) => {
    const count = quick ? 500 : 2_000
    const waits: Array<number> = []
    const order = orderOf(lines)
    let parsed = 0
    const flooded = Flooded.toLayer({
      Order: ({ json }) => {
        parsed += JSON.parse(json).lines.length
        return Effect.void
      }
    })
    const quiet = Quiet.toLayer({
      Ping: ({ sentMillis }) => {
        waits.push(nowMillis() - sentMillis)
        return Effect.void
      }
    })
    const runtime = ManagedRuntime.make(
      Layer.mergeAll(flooded, quiet).pipe(Layer.provideMerge(ActorSystem.layer))
    )
    const actor = await runtime.runPromise(Quiet.ref("a"))
    const flood = await runtime.runPromise(
      Effect.gen(function* () {
        const actor = yield* Flooded.ref("a")
        // Without yields between the tells, or four messages a turn were no flood.
        const tells = Effect.forever(actor.tell(order), { disableYield: true })
        return yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkDetach(tells))
      })
    )
    const worker = new Worker(sender, { eval: true })
    worker.on("message", (sentMillis: number) => Effect.runFork(actor.tell(new Ping({ sentMillis }))))
    const begin = nowMillis()
    while (waits.length < count) await once(worker, "message")
    const millis = nowMillis() - begin
    await worker.terminate()
    await runtime.runPromise(Fiber.interruptAll(flood))
    await runtime.dispose()
    if (parsed < 1_000 * millis) throw new Error(`${parsed} lines parsed in ${millis} ms are no flood`)
    return measured(
      waits.toSorted((left, right) => left - right)[Math.ceil(waits.length * 0.99) - 1] ?? Number.NaN
    )
  }
})
