/** The contract of the broker port on a cluster of three, in the long run (`TROUPE_LONG=1`); restarts are in `failover.test.ts`. */
import { Contract } from "@troupe/broker/contract"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import { count } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe } from "vitest"
import { JetStream } from "../src/index.ts"

const layerOn = (servers: ReadonlyArray<string>) =>
  JetStream.layer({ servers, prefix: "contract", replicas: 3 })

describe.runIf(hasServer && count({ quick: 0, long: 1 }) === 1)("JetStream R3", () => {
  Contract.suite({
    name: "JetStream R3",
    layer: Layer.unwrap(Effect.map(NatsServer.start({ cluster: 3 }), ({ servers }) => layerOn(servers)))
  })
})
