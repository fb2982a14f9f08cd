import { assert, describe, layer } from "@effect/vitest"
import { KeyValue, layerMemory } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Logistic, Lstm, ModelBlob, ModelRegistry, Prior, Training } from "../src/index.ts"
import { walk } from "./two-chains.ts"

const set = walk({ seed: 11, sessions: 100, least: 1 })
const logistic = Training.now(Logistic.train(set))
const lstm = Training.now(Lstm.train(set, { hidden: 4, epochs: 1 }))
const prior = Training.now(Prior.train(set))

layer(layerMemory)("a registry of models", (it) => {
  describe("roles", () => {
    it.effect("keep a model bit for bit, and replace it by compare-and-set only", () =>
      Effect.gen(function* () {
        const registry = yield* ModelRegistry.open({ name: "shop" })
        assert.isTrue(Option.isNone(yield* registry.get("champion")))
        const first = yield* registry.put("champion", logistic, 0)
        const stored = Option.getOrThrow(yield* registry.get("champion"))
        assert.strictEqual(stored.revision, first)
        assert.deepStrictEqual(ModelBlob.encode(stored.model), ModelBlob.encode(logistic))
        // Two who both saw the first: one wins.
        const second = yield* registry.put("champion", lstm, first)
        const late = yield* Effect.flip(registry.put("champion", prior, first))
        assert.strictEqual(late.reason._tag, "Conflict")
        assert.strictEqual((yield* Effect.flip(registry.put("champion", prior, 0))).reason._tag, "Conflict")
        assert.strictEqual(Option.getOrThrow(yield* registry.get("champion")).revision, second)
      })
    )

    it.effect("a watch tells each model as it comes, refuses what cannot be used, and goes on", () =>
      Effect.gen(function* () {
        const registry = yield* ModelRegistry.open({ name: "watched" })
        const store = yield* KeyValue.open({ name: "models_watched", history: 8 })
        const first = yield* registry.put("champion", prior, 0)
        const seen: Array<string> = []
        const watching = yield* registry.watch("champion").pipe(
          Stream.tap((change) =>
            Effect.sync(() => {
              seen.push(
                change._tag === "Stored"
                  ? change.model.name
                  : change._tag === "Refused"
                    ? change.error.reason
                    : "removed"
              )
            })
          ),
          Stream.takeUntil((change) => change._tag === "Stored" && change.model.name === "lstm-4"),
          Stream.runDrain,
          Effect.forkChild
        )
        const step = (count: number) =>
          Effect.suspend(() => (seen.length >= count ? Effect.void : Effect.fail("not yet"))).pipe(
            Effect.tapError(() => Effect.yieldNow),
            Effect.retry({ times: 10_000 })
          )
        yield* step(1)
        const second = yield* registry.put("champion", logistic, first)
        yield* step(2)
        const newer = ModelBlob.encode(logistic)
        newer[4] = 9
        const third = yield* store.update("champion", newer, second)
        yield* step(3)
        const refused = yield* Effect.flip(registry.get("champion"))
        assert.match(refused.message, /format version 9.*Update @troupe\/intent/)
        const fourth = yield* store.delete("champion", { revision: third })
        yield* step(4)
        yield* store.update("champion", ModelBlob.encode(lstm), fourth)
        yield* Fiber.join(watching)
        assert.deepStrictEqual(seen, ["prior", "logistic", "newer", "removed", "lstm-4"])
      })
    )

    it.effect("are apart by name", () =>
      Effect.gen(function* () {
        const registry = yield* ModelRegistry.open({ name: "other" })
        yield* registry.put("challenger", lstm, 0)
        assert.isTrue(Option.isNone(yield* registry.get("champion")))
        assert.strictEqual(Option.getOrThrow(yield* registry.get("challenger")).model.name, "lstm-4")
      })
    )
  })
})
