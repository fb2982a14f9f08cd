import * as fs from "node:fs"
import * as path from "node:path"
import { Broker } from "@troupe/broker"
import { Contract } from "@troupe/broker/contract"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

/** Each session opens what kill -9 would have left of the one before: its files as they were while it still ran. */
const killed = (durability: "os" | "disk") =>
  Effect.map(temporaryDirectory, (home) => {
    let session = 0
    const directoryOf = (number: number) => path.join(home, `${number}`)
    const copy = Effect.sync(() => {
      const next = directoryOf(session + 1)
      fs.cpSync(directoryOf(session), next, { recursive: true })
      // It names this process, which lives.
      fs.rmSync(path.join(next, "lock"))
      session++
    })
    const layer = Layer.unwrap(
      Effect.sync(() =>
        Layer.effect(
          Broker,
          Effect.gen(function* () {
            const broker = yield* Broker
            yield* Effect.addFinalizer(() => copy)
            return broker
          })
        ).pipe(Layer.provide(Embedded.layer({ directory: directoryOf(session), durability })))
      )
    )
    return { layer }
  })

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
  Contract.restartSuite({
    name: `embedded, killed, durability ${durability}`,
    restart: killed(durability)
  })
}
