/**
 * A primary that is killed: ships its log to whoever answers over the channel, appends with `durable(1)` from several writers
 * at once, and tells the parent each acknowledged record.
 */
import * as Effect from "effect/Effect"
import { Log } from "../../src/log.ts"
import { Ack, overMessages, Primary } from "../../src/shipping.ts"

const directory = process.argv[2] as string
const send = (message: object): void => void process.send?.(message)

const program = Effect.gen(function* () {
  const transport = yield* overMessages({
    post: send,
    listen: (receive) => {
      process.on("message", receive)
      return () => void process.off("message", receive)
    }
  })
  const log = yield* Log.open({ directory, durability: "disk", segmentBytes: 256 * 1024 })
  const primary = yield* Primary.make({ log, transport, ack: Ack.durable(1), heartbeatMillis: 50 })
  send({ ready: true })
  let n = 0
  const writer = Effect.gen(function* () {
    n++
    const value = new TextEncoder().encode(`${n} ${"x".repeat(n % 300)}`)
    const mine = n
    const sequence = yield* primary.append({ value, timeMillis: n, subject: `s.${n % 5}` })
    send({ acknowledged: sequence, n: mine })
  })
  yield* Effect.all(
    Array.from({ length: 16 }, () => Effect.forever(writer)),
    { concurrency: "unbounded" }
  )
})

await Effect.runPromise(Effect.scoped(program))
