/** The contract of the broker port, on one node, and in the long run (`TROUPE_LONG=1`) on a cluster of three too. */
import { Contract } from "@troupe/broker/contract"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import { count } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe } from "vitest"
import { JetStream } from "../src/index.ts"

const layerOn = (servers: ReadonlyArray<string>, replicas: 1 | 3) =>
  JetStream.layer({ servers, prefix: "contract", replicas })

describe.runIf(hasServer)("JetStream R1", () => {
  Contract.suite({
    name: "JetStream R1",
    layer: Layer.unwrap(Effect.map(NatsServer.start(), ({ servers }) => layerOn(servers, 1))),
    restart: Effect.map(NatsServer.start(), ({ nodes, servers }) => ({
      layer: layerOn(servers, 1),
      // A single node writes settlements down up to 100 ms after it confirmed them (README, limits).
      restart: Effect.andThen(
        Effect.sleep("300 millis"),
        Effect.forEach(nodes, (node) => node.restart, { discard: true })
      )
    })),
    bounce: Effect.map(NatsServer.start(), ({ nodes, servers }) => ({
      layer: layerOn(servers, 1),
      bounce: Effect.forEach(nodes, (node) => node.restart, { discard: true })
    }))
  })
})

if (hasServer && count({ quick: 0, long: 1 }) === 1) {
  describe("JetStream R3", () => {
    Contract.suite({
      name: "JetStream R3",
      layer: Layer.unwrap(Effect.map(NatsServer.start({ cluster: 3 }), ({ servers }) => layerOn(servers, 3)))
    })
  })
}
