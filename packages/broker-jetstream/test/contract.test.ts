/** The contract of the broker port, on one node. */
import { Contract } from "@troupe/broker/contract"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe } from "vitest"
import { JetStream } from "../src/index.ts"

const layerOn = (servers: ReadonlyArray<string>) => JetStream.layer({ servers, prefix: "contract" })

describe.runIf(hasServer)("JetStream R1", () => {
  Contract.suite({
    name: "JetStream R1",
    layer: Layer.unwrap(Effect.map(NatsServer.start(), ({ servers }) => layerOn(servers))),
    restart: Effect.map(NatsServer.start(), ({ nodes, servers }) => ({
      layer: layerOn(servers),
      // A single node writes settlements down up to 100 ms after it confirmed them (README, limits).
      restart: Effect.andThen(
        Effect.sleep("300 millis"),
        Effect.forEach(nodes, (node) => node.restart, { discard: true })
      )
    })),
    bounce: Effect.map(NatsServer.start(), ({ nodes, servers }) => ({
      layer: layerOn(servers),
      bounce: Effect.forEach(nodes, (node) => node.restart, { discard: true })
    }))
  })
})
