import { assert, describe, it } from "@effect/vitest"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import * as Effect from "effect/Effect"
import { Link } from "../src/Link.ts"
import { ReplyWindow, type Silence } from "../src/ReplyWindow.ts"

const connection = Effect.gen(function* () {
  const { nodes, servers } = yield* NatsServer.start()
  const nats = yield* Effect.acquireRelease(
    Effect.promise(() => connect({ servers: [...servers], maxReconnectAttempts: -1, reconnectTimeWait: 50 })),
    (open) => Effect.promise(() => open.close())
  )
  return { nats, link: new Link(nats), node: nodes[0] }
})

type Outcome = string | Silence

/** Sends `text` to `subject` and answers what became of it. */
const send = (window: ReplyWindow, nats: NatsConnection, subject: string, text: string): Promise<Outcome> =>
  new Promise((resolve) => {
    window.start({
      write: (reply) => nats.publish(subject, text, { reply }),
      receive: (message) => {
        resolve(message.string())
        return true
      },
      fail: resolve
    })
  })

describe.runIf(hasServer)("ReplyWindow", () => {
  it.live("awaits no more than its size at a time, and keeps the order of the calls", () =>
    Effect.gen(function* () {
      const { link, nats } = yield* connection
      const window = new ReplyWindow(nats, link, { sizeMax: 4, timeoutMillis: 5_000 })
      const received: Array<string> = []
      const held: Array<() => void> = []
      let most = 0
      nats.subscribe("echo", {
        callback: (_, message) => {
          received.push(message.string())
          held.push(() => message.respond(message.data))
          most = Math.max(most, held.length)
          // Answers only once the window is full: one that let more through would show here.
          if (held.length >= 4 || received.length > 16) for (const answer of held.splice(0)) answer()
        }
      })
      const texts = Array.from({ length: 20 }, (_, i) => `${i}`)
      const outcomes = yield* Effect.promise(() =>
        Promise.all(texts.map((text) => send(window, nats, "echo", text)))
      )
      assert.deepStrictEqual(outcomes, texts)
      assert.deepStrictEqual(received, texts)
      assert.strictEqual(most, 4)
    })
  )

  it.live("says why there is no answer", () =>
    Effect.gen(function* () {
      const { link, nats } = yield* connection
      const window = new ReplyWindow(nats, link, { sizeMax: 1, timeoutMillis: 300 })
      nats.subscribe("mute", { callback: () => {} })
      const of = (subject: string, text = "") => Effect.promise(() => send(window, nats, subject, text))
      assert.strictEqual(yield* of("nobody"), "noResponders")
      assert.strictEqual(yield* of("mute", "x".repeat(2_000_000)), "refused")
      assert.strictEqual(yield* of("mute"), "unanswered")
    })
  )

  it.live("a lost connection ends what was sent at once, and closing ends what waits", () =>
    Effect.gen(function* () {
      const { link, nats, node } = yield* connection
      const window = new ReplyWindow(nats, link, { sizeMax: 1, timeoutMillis: 600_000 })
      nats.subscribe("mute", { callback: () => {} })
      const sent = send(window, nats, "mute", "")
      const queued = send(window, nats, "mute", "")
      yield* Effect.promise(() => nats.flush())
      yield* node?.kill ?? Effect.void
      assert.strictEqual(yield* Effect.promise(() => sent), "unanswered")
      window.close()
      assert.strictEqual(yield* Effect.promise(() => queued), "unsent")
    })
  )

  it.live("what waited while the connection was down is sent when it is up again", () =>
    Effect.gen(function* () {
      const { link, nats, node } = yield* connection
      const window = new ReplyWindow(nats, link, { sizeMax: 4, timeoutMillis: 5_000 })
      nats.subscribe("echo", {
        callback: (_, message) => {
          message.respond(message.data)
        }
      })
      yield* node?.kill ?? Effect.void
      while (link.isUp) yield* Effect.sleep("5 millis")
      const [outcome] = yield* Effect.all(
        [Effect.promise(() => send(window, nats, "echo", "later")), node?.restart ?? Effect.void],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(outcome, "later")
    })
  )
})
