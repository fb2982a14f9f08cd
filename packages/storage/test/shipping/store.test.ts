import { assert, describe, it } from "@effect/vitest"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { SimFs } from "../../src/disk/SimFs.ts"
import { Lsm } from "../../src/lsm.ts"
import { asWal, inProcess, Primary, Replica } from "../../src/shipping.ts"

const text = new TextDecoder()

describe("shipping the write-ahead log of a store", () => {
  it.effect(
    "a replica reads puts and deletes from it, and a store opened on the replica's files has the same entries",
    () => {
      const fs = new SimFs(1)
      return Effect.gen(function* () {
        const transport = inProcess()
        const life = yield* Scope.make()
        const store = yield* Lsm.open({ directory: "/store", durability: "disk" }).pipe(Scope.provide(life))
        const operations: Array<string> = []
        yield* Primary.make({ log: store.wal, transport }).pipe(Scope.provide(life))
        const replica = yield* Replica.open({
          directory: "/copy/wal",
          name: "r",
          transport,
          applyFrom: 1,
          apply: (batch) =>
            Effect.sync(() => {
              for (const operation of asWal(batch).operations) {
                const key = operation._tag === "Append" ? "" : text.decode(operation.key)
                operations.push(`${operation._tag} ${key}`)
              }
            })
        }).pipe(Scope.provide(life))
        yield* store.write([
          { type: "put", key: "a", value: "1" },
          { type: "put", key: "b", value: "2" }
        ])
        yield* store.write([{ type: "delete", key: "a" }])
        yield* replica.caughtUp(store.wal.endSequence)
        assert.deepStrictEqual(operations, ["Put a", "Put b", "Delete a"])
        yield* Scope.close(life, Exit.void)

        const copy = yield* Lsm.open({ directory: "/copy", durability: "disk" })
        assert.isUndefined(copy.getSync("a"))
        assert.strictEqual(text.decode(copy.getSync("b")), "2")
      }).pipe(
        Effect.scoped,
        Effect.provide(ActorSystem.layer, { local: true }),
        Effect.provideService(FileSystem, fs)
      )
    }
  )
})
