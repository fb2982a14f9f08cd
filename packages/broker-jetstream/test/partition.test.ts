import { assert, describe, it } from "@effect/vitest"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Subject } from "@troupe/broker"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"

/** Tokens of every length and character, the same for a seed. */
const tokens = (seed: number, amount: number): ReadonlyArray<string> => {
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=-"
  let state = seed * 2_654_435_761
  const below = (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 4_294_967_296) * limit)
  }
  return Array.from({ length: amount }, () =>
    Array.from({ length: 1 + below(20) }, () => letters[below(letters.length)]).join("")
  )
}

describe.runIf(hasServer)("the partition of a key", () => {
  it.live("is the one that the server's own function gives", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const nats = yield* Effect.acquireRelease(
        Effect.promise(() => connect({ servers: servers.join() })),
        (connection) => Effect.promise(() => connection.close())
      )
      const manager = yield* Effect.promise(() => jetstreamManager(nats))
      for (const partitions of [1, 4, 7, 64]) {
        const name = `P${partitions}`
        yield* Effect.promise(() =>
          manager.streams.add({
            name,
            subjects: [`in${partitions}.*`],
            subject_transform: {
              src: `in${partitions}.*`,
              dest: `out.{{partition(${partitions},1)}}.{{wildcard(1)}}`
            }
          })
        )
        const keys = ["a", "b", "c", "d", "e", ...tokens(firstSeed(), count({ quick: 100, long: 2_000 }))]
        for (const key of keys) yield* Effect.promise(() => nats.request(`in${partitions}.${key}`))
        for (const [i, key] of keys.entries()) {
          const stored = yield* Effect.promise(() => manager.streams.getMessage(name, { seq: i + 1 }))
          assert.strictEqual(stored?.subject, `out.${Subject.partitionOf(key, partitions)}.${key}`)
        }
      }
    })
  )
})
