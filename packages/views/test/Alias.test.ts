import { assert, describe, it } from "@effect/vitest"
import { Broker, KeyValue, layerMemory, seededFaults, withFaults } from "@troupe/broker"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Alias, type AliasError } from "../src/index.ts"
import { totals } from "./counting.ts"

const target = (version: number, namespace?: string) => Alias.targetOf(totals({ version }), namespace)
const evidence = (to: Alias.Target): Alias.Evidence => ({
  digest: to.digest,
  proved: true,
  through: 100,
  differences: 0
})
const promotion = (version: number) => ({
  to: target(version),
  evidence: evidence(target(version)),
  positions: { from: 100, to: 100 }
})
const local = Effect.provide(layerMemory, { local: true })
const reasonOf = <A, R>(effect: Effect.Effect<A, AliasError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

describe("an alias", () => {
  it.effect("begins once, and beginning again changes nothing", () =>
    Effect.gen(function* () {
      const first = yield* Alias.begin("posts", target(1))
      assert.deepStrictEqual(first.current, target(1))
      assert.isNull(first.previous)
      yield* Alias.promote("posts", promotion(2))
      const again = yield* Alias.begin("posts", target(1))
      assert.deepStrictEqual([again.current, again.revision], [target(2), first.revision + 1])
      assert.deepStrictEqual(yield* Alias.resolve("posts"), again)
    }).pipe(local)
  )

  it.effect("of several that begin it at once is begun by one", () =>
    Effect.gen(function* () {
      const begun = yield* Effect.all(
        [1, 2, 3].map((version) => Alias.begin("posts", target(version))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(begun.map(({ id }) => id)).size, 1)
      assert.strictEqual((yield* Alias.history("posts")).length, 1)
    }).pipe(local)
  )

  it.effect("names a proven version after one change, and says what proved it", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(5000)
      const before = yield* Alias.begin("posts", target(1))
      yield* TestClock.adjust("1 second")
      const after = yield* Alias.promote("posts", { ...promotion(2), expectedRevision: before.revision })
      const { current, evidence: proof, positions, previous, promotedAtMillis } = after
      assert.deepStrictEqual(
        { current, proof, positions, previous, promotedAtMillis },
        {
          current: target(2),
          proof: evidence(target(2)),
          positions: { from: 100, to: 100 },
          previous: target(1),
          promotedAtMillis: 6000
        }
      )
      assert.deepStrictEqual(yield* Alias.resolve("posts"), after)
      assert.deepStrictEqual(yield* Alias.history("posts"), [before, after])
    }).pipe(local)
  )

  it.effect("is not changed without a proof of this very version that leaves nothing over", () =>
    Effect.gen(function* () {
      const before = yield* Alias.begin("posts", target(1))
      const proof = evidence(target(2))
      const attempt = (evidence: Alias.Evidence | undefined, provenThrough = 0) =>
        Effect.map(
          reasonOf(Alias.promote("posts", { ...promotion(2), evidence, provenThrough })),
          (reason) => reason._tag === "NotProven" && reason.why
        )
      assert.deepStrictEqual(
        [
          yield* attempt(undefined),
          yield* attempt({ ...proof, digest: target(3).digest }),
          yield* attempt({ ...proof, differences: 1 }),
          yield* attempt({ ...proof, proved: false }),
          yield* attempt(proof, 101)
        ],
        ["missing", "otherDigest", "differences", "notProved", "stale"]
      )
      const error = yield* Effect.flip(
        Alias.promote("posts", { ...promotion(2), evidence: { ...proof, differences: 3 } })
      )
      assert.strictEqual(
        error.message,
        "alias posts: NotProven: the new version is not proven: 3 differences were left over. Compare all of this very version, mend what differs, and promote with that evidence."
      )
      assert.deepStrictEqual(yield* Alias.history("posts"), [before])
    }).pipe(local)
  )

  it.effect("is not changed to a version that is behind, and is to one that is not", () =>
    Effect.gen(function* () {
      yield* Alias.begin("posts", target(1))
      const behind = { ...promotion(2), positions: { from: 100, to: 99 } }
      const reason = yield* reasonOf(Alias.promote("posts", behind))
      assert.deepStrictEqual(reason._tag === "Behind" && [reason.from, reason.to], [100, 99])
      assert.deepStrictEqual((yield* Alias.resolve("posts")).current, target(1))
      yield* Alias.promote("posts", { ...behind, positions: { from: 100, to: 100 } })
    }).pipe(local)
  )

  it.effect("says what it already is, what it is not, and that it moved", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* reasonOf(Alias.resolve("posts")))._tag, "UnknownAlias")
      assert.strictEqual((yield* reasonOf(Alias.history("posts")))._tag, "UnknownAlias")
      assert.strictEqual((yield* reasonOf(Alias.rollback("posts")))._tag, "UnknownAlias")
      assert.strictEqual((yield* reasonOf(Alias.promote("posts", promotion(2))))._tag, "UnknownAlias")
      const { revision } = yield* Alias.begin("posts", target(1))
      assert.strictEqual((yield* reasonOf(Alias.promote("posts", promotion(1))))._tag, "AlreadyCurrent")
      // Another run of the same code is another target.
      yield* Alias.promote("posts", { ...promotion(1), to: target(1, "again") })
      const moved = yield* reasonOf(Alias.promote("posts", { ...promotion(2), expectedRevision: revision }))
      assert.deepStrictEqual(moved._tag === "AliasMoved" && [moved.expected, moved.actual], [
        revision,
        revision + 1
      ])
      assert.strictEqual(
        (yield* reasonOf(Alias.rollback("posts", { expectedRevision: revision })))._tag,
        "AliasMoved"
      )
    }).pipe(local)
  )

  it.effect("of promotions at once follows one, and the others are told", () =>
    Effect.gen(function* () {
      const { revision } = yield* Alias.begin("posts", target(1))
      // Both have read the alias before either writes it.
      const slow = withFaults(yield* Broker, { next: () => ({ delayBeforeMillis: 10 }) })
      const promoting = yield* Effect.forkChild(
        Effect.all(
          [2, 3].map((version) => Effect.exit(Alias.promote("posts", promotion(version)))),
          { concurrency: "unbounded" }
        ).pipe(Effect.provideService(Broker, slow)),
        { startImmediately: true }
      )
      yield* TestClock.adjust("10 millis")
      const attempts = yield* Fiber.join(promoting)
      const won = attempts.flatMap((exit) => (exit._tag === "Success" ? [exit.value] : []))
      const lost = attempts.flatMap((exit) => (exit._tag === "Failure" ? exit.cause.reasons : []))
      assert.strictEqual(won.length, 1)
      assert.deepStrictEqual(
        lost.map((reason) => reason._tag === "Fail" && reason.error.reason._tag),
        ["AliasMoved"]
      )
      assert.deepStrictEqual(yield* Alias.resolve("posts"), won[0])
      assert.strictEqual(won[0]?.revision, revision + 1)
    }).pipe(local)
  )

  it.effect("goes back exactly, one version a rollback, and ends at the first", () =>
    Effect.gen(function* () {
      const states = [yield* Alias.begin("posts", target(1))]
      for (const version of [2, 3, 4]) states.push(yield* Alias.promote("posts", promotion(version)))
      for (let back = 2; back >= 0; back--) {
        const { current, earlier, previous } = yield* Alias.rollback("posts")
        const before = states[back]
        assert.deepStrictEqual({ current, earlier, previous } as unknown, {
          current: before?.current,
          earlier: before?.earlier,
          previous: before?.previous
        })
      }
      const error = yield* Effect.flip(Alias.rollback("posts"))
      assert.strictEqual(error.reason._tag, "NothingBefore")
      assert.match(error.message, /Promote another one/)
      assert.deepStrictEqual(
        (yield* Alias.history("posts")).map(({ change, current }) => `${change} ${current.version}`),
        ["begin 1", "promote 2", "promote 3", "promote 4", "rollback 3", "rollback 2", "rollback 1"]
      )
    }).pipe(local)
  )

  it.effect("is watched from what it says, or from its beginning", () =>
    Effect.gen(function* () {
      const watching = yield* Effect.forkChild(Stream.runCollect(Stream.take(Alias.watch("posts"), 3)), {
        startImmediately: true
      })
      const told: Array<Alias.Resolved> = []
      const next = <A extends Alias.Resolved>(change: Effect.Effect<A, AliasError, Broker>) =>
        Effect.gen(function* () {
          told.push(yield* change)
          for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
        })
      yield* next(Alias.begin("posts", target(1)))
      yield* next(Alias.promote("posts", promotion(2)))
      yield* Alias.begin("others", target(7))
      yield* next(Alias.rollback("posts"))
      assert.deepStrictEqual(yield* Fiber.join(watching), told)
      const [now] = yield* Stream.runCollect(Stream.take(Alias.watch("posts"), 1))
      assert.deepStrictEqual(now, told[2])
    }).pipe(local)
  )

  it.effect("that somebody else wrote is refused, not guessed", () =>
    Effect.gen(function* () {
      const store = yield* KeyValue.open({ name: "view-aliases", history: 16 })
      yield* store.put("posts", new TextEncoder().encode("{}"))
      assert.strictEqual((yield* reasonOf(Alias.resolve("posts")))._tag, "AliasUnreadable")
      assert.strictEqual((yield* reasonOf(Alias.begin("posts", target(1))))._tag, "AliasUnreadable")
    }).pipe(local)
  )

  it.effect(
    "changes exactly once a success, whatever the broker answers",
    () =>
      Effect.gen(function* () {
        const seeds = count({ quick: 60, long: 3000 })
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          yield* Effect.gen(function* () {
            const broker = yield* Broker
            const rates = { seed, busy: 0.15, unavailable: 0.15, unknown: 0.4, delayMillisMax: 20 }
            const faulty = withFaults(broker, seededFaults(rates))
            // Two that change it at once, each deciding on what it saw.
            const changing = Effect.gen(function* () {
              yield* Alias.begin("posts", target(1))
              const made: Array<Alias.Resolved> = []
              for (let turn = 0; turn < 3; turn++) {
                const { current } = yield* Alias.resolve("posts")
                const exit = yield* Effect.exit(Alias.promote("posts", promotion(current.version + 1)))
                if (exit._tag === "Success") made.push(exit.value)
              }
              return made
            }).pipe(Effect.provideService(Broker, faulty))
            const fiber = yield* Effect.forkChild(Effect.all([changing, changing], { concurrency: 2 }))
            while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
            const made = (yield* Fiber.join(fiber)).flat().sort((a, b) => a.revision - b.revision)
            const [begun, ...changes] = yield* Alias.history("posts")
            assert.strictEqual(begun?.change, "begin", `seed ${seed}`)
            assert.deepStrictEqual(changes, made, `seed ${seed}`)
            assert.deepStrictEqual(
              changes.map(({ current }) => current.version),
              changes.map((_, index) => index + 2),
              `seed ${seed}`
            )
          }).pipe(local)
        }
      }),
    count({ quick: 60_000, long: 1_200_000 })
  )
})
