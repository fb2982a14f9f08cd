import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import { seeded } from "../../src/disk/SimFs.ts"
import type { Replica } from "../../src/shipping.ts"
import { advancing, Cluster, type Rates } from "./sim-cluster.ts"

const rough: Rates = { drop: 0.15, repeat: 0.15, delay: 0.4, damage: 0.02 }

/** Faults end: every machine runs, the network is good, and everything that is to come comes. */
const settle = Effect.fnUntraced(function* (cluster: Cluster) {
  Object.assign(cluster.rates, { drop: 0, repeat: 0, delay: 0, damage: 0 })
  if (cluster.primary === undefined) {
    for (const node of cluster.nodes) if (node.role === "down") yield* cluster.startReplica(node)
    assert.isTrue(yield* advancing(cluster.promote()))
  }
  for (const node of cluster.nodes) {
    if (node === cluster.primary || node.role === "replica") continue
    if (node.role === "primary") yield* advancing(cluster.crash(node, false))
    yield* cluster.startReplica(node)
  }
  yield* cluster.append()
  yield* TestClock.adjust("20 seconds")
})

/** A life of a cluster that follows from its seed. Answers the cluster, with all faults over. */
const live = Effect.fnUntraced(function* (seed: number, steps: number, crashes: boolean) {
  const random = seeded(seed)
  const cluster = new Cluster(seed, yield* Effect.context<never>())
  yield* advancing(cluster.startPrimary(cluster.node("a")))
  yield* cluster.startReplica(cluster.node("b"))
  yield* cluster.startReplica(cluster.node("c"))
  Object.assign(cluster.rates, rough)
  for (let step = 0; step < steps; step++) {
    const choice = random()
    if (choice < 0.55) yield* cluster.append()
    else if (choice < 0.85 || !crashes) yield* TestClock.adjust(Math.ceil(random() * 400))
    else if (choice < 0.88) {
      const replicas = cluster.nodes.filter((node) => node.role === "replica")
      const one = replicas[Math.floor(random() * replicas.length)]
      if (one !== undefined && replicas.length === 2) yield* advancing(cluster.crash(one, random() < 0.5))
    } else if (choice < 0.91) {
      for (const node of cluster.nodes) if (node.role === "down") yield* cluster.startReplica(node)
    } else {
      const old = cluster.primary
      if (old !== undefined && cluster.nodes.filter((node) => node.role === "replica").length === 2) {
        const dies = random()
        if (dies < 0.4) {
          // It comes back in the same epoch, with what its disk kept.
          yield* advancing(cluster.crash(old, random() < 0.5))
          yield* advancing(cluster.startPrimary(old))
        } else if (dies < 0.6) {
          // The power of all machines goes at once, and the primary's machine stays away.
          const others = cluster.nodes.filter((node) => node !== old)
          // Under load, so that something is written and not synced somewhere.
          for (let k = 0; k < 8; k++) {
            yield* cluster.append()
            yield* TestClock.adjust(Math.ceil(random() * 90))
          }
          yield* advancing(cluster.blackout())
          for (const node of others) yield* cluster.startReplica(node)
          if (yield* advancing(cluster.promote())) yield* cluster.startReplica(old)
          else yield* advancing(cluster.startPrimary(old))
        } else {
          if (dies < 0.8) yield* advancing(cluster.crash(old, true))
          if (!(yield* advancing(cluster.promote()))) {
            if (old.role === "down") yield* advancing(cluster.startPrimary(old))
            continue
          }
          if (dies >= 0.8) yield* TestClock.adjust(Math.ceil(random() * 2000))
          // A deposed primary that runs on is stopped, and comes back as a replica.
          if (old.role === "primary") yield* advancing(cluster.crash(old, false))
          yield* cluster.startReplica(old)
        }
      }
    }
    yield* cluster.check()
  }
  yield* settle(cluster)
  yield* cluster.check()
  return cluster
})

const each = (
  counts: { readonly quick: number; readonly long: number },
  run: (seed: number) => Effect.Effect<void, unknown>
) =>
  Effect.gen(function* () {
    for (let seed = firstSeed(); seed < firstSeed() + count(counts); seed++) {
      const exit = yield* Effect.exit(run(seed))
      if (Exit.isFailure(exit)) assert.fail(`TROUPE_SEED=${seed}: ${exit.cause}`)
    }
  })

describe("a primary and two replicas under loss, repetition, reordering, delay, damage, crashes and promotions", () => {
  it.effect(
    "R1 prefix, R2 durable survives, R3 one writer an epoch, R4 byte-equal in the end, R5 order of positions, R6 nothing acknowledged is lost",
    () => {
      let promotions = 0
      let acknowledged = 0
      let cuts = 0
      return Effect.andThen(
        each({ quick: 25, long: 1000 }, (seed) =>
          Effect.gen(function* () {
            const cluster = yield* live(seed, 80, true)
            acknowledged += cluster.checkAcknowledged()
            promotions += cluster.promotions
            cuts += cluster.cuts
            const primary = cluster.primary
            assert.isDefined(primary)
            const theirs = cluster.files(primary as NonNullable<typeof primary>)
            for (const node of cluster.nodes) {
              assert.deepStrictEqual(cluster.files(node), theirs, `R4 ${node.name}`)
              if (node === primary) continue
              assert.deepStrictEqual(
                node.applied,
                Array.from({ length: node.applied.length }, (_, i) => (node.applied[0] ?? 1) + i),
                `R5 ${node.name} applied out of order`
              )
            }
            yield* advancing(cluster.stopAll())
          })
        ),
        Effect.sync(() => {
          assert.isAbove(acknowledged, 200)
          assert.isAbove(promotions, 10)
          assert.isAbove(cuts, 0)
        })
      )
    },
    count({ quick: 60_000, long: 1_800_000 })
  )

  it.effect("R7 what the transport does to frames changes nothing: the same records in the same order", () =>
    each({ quick: 15, long: 500 }, (seed) =>
      Effect.gen(function* () {
        const cluster = yield* live(seed, 60, false)
        const primary = cluster.primary as NonNullable<typeof cluster.primary>
        const expected = Array.from({ length: (primary.log?.endSequence ?? 1) - 1 }, (_, i) => i + 1)
        assert.isAbove(expected.length, 30)
        assert.strictEqual(cluster.checkAcknowledged(), expected.length, "not every append was answered")
        for (const node of cluster.nodes) {
          assert.deepStrictEqual(cluster.files(node), cluster.files(primary))
          if (node === primary) continue
          const report = yield* (node.replica as Replica).report
          assert.deepInclude(report, { state: "streaming", lagRecords: 0 })
          assert.deepStrictEqual(node.applied, expected)
        }
        yield* advancing(cluster.stopAll())
      })
    )
  )
})
