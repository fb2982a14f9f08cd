import { Contract } from "@troupe/broker/contract"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

for (const durability of ["os", "disk"] as const) {
  Contract.suite({
    name: `embedded, durability ${durability}`,
    layer: Layer.unwrap(
      Effect.map(temporaryDirectory, (directory) => Embedded.layer({ directory, durability }))
    ),
    restart: Effect.map(temporaryDirectory, (directory) => ({
      layer: Embedded.layer({ directory, durability })
    }))
  })
}
