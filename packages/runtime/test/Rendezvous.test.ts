import { count, firstSeed } from "@troupe/vitest/counts"
import { assert, describe, it } from "vitest"
import { hash, owner } from "../src/Rendezvous.ts"

const keys = Array.from({ length: 20_000 }, (_, n) => `cart-${n}`)

/** Owners of all keys, by name. */
const ownersOf = (nodes: ReadonlyArray<string>): ReadonlyArray<string | undefined> => {
  const hashes = Uint32Array.from(nodes, hash)
  return keys.map((key) => nodes[owner(hashes, hash(key))])
}

const namesOf = (seed: number, length: number) => Array.from({ length }, (_, n) => `worker-${seed}/${n}`)

const seeds = Array.from({ length: count({ quick: 5, long: 100 }) }, (_, n) => firstSeed() + n)

describe("rendezvous hashing", () => {
  it("gives every node its share of the keys, within 10 %", () => {
    for (const seed of seeds) {
      for (const size of [2, 3, 8, 16]) {
        const shares = new Map<string | undefined, number>()
        for (const name of ownersOf(namesOf(seed, size))) shares.set(name, (shares.get(name) ?? 0) + 1)
        const fair = keys.length / size
        assert.strictEqual(shares.size, size, `seed ${seed}`)
        for (const share of shares.values()) {
          // Five standard deviations of a fair draw.
          assert.closeTo(
            share,
            fair,
            Math.max(0.1 * fair, 5 * Math.sqrt(fair)),
            `seed ${seed}, ${size} nodes`
          )
        }
      }
    }
  })

  it("moves to a node that joins its share, and no other key", () => {
    for (const seed of seeds) {
      const nodes = namesOf(seed, 9)
      const newcomer = nodes.at(-1)
      const before = ownersOf(nodes.slice(0, -1))
      const after = ownersOf(nodes)
      const moved = after.filter((name, key) => name !== before[key])
      assert.isTrue(
        moved.every((name) => name === newcomer),
        `seed ${seed}`
      )
      assert.closeTo(moved.length, keys.length / 9, keys.length / 90, `seed ${seed}`)
    }
  })

  it("spreads the keys of a node that leaves over all others, and moves no other key", () => {
    for (const seed of seeds) {
      const nodes = namesOf(seed, 9)
      const before = ownersOf(nodes)
      const after = ownersOf(nodes.filter((_, node) => node !== 4))
      const heirs = new Map<string | undefined, number>()
      after.forEach((name, key) => {
        if (name === before[key]) return
        assert.strictEqual(before[key], nodes[4], `seed ${seed}`)
        heirs.set(name, (heirs.get(name) ?? 0) + 1)
      })
      const share = keys.length / 9 / 8
      assert.strictEqual(heirs.size, 8)
      for (const heir of heirs.values()) assert.closeTo(heir, share, 0.3 * share, `seed ${seed}`)
    }
  })

  it("does not depend on the order of the nodes", () => {
    const nodes = namesOf(1, 7)
    assert.deepStrictEqual(ownersOf(nodes.toReversed()), ownersOf(nodes))
  })

  it("stays as it is: other processes and later versions must agree", () => {
    assert.strictEqual(hash(""), 2_872_998_923)
    assert.strictEqual(hash("cart-1"), 1_543_145_033)
    const nodes = Uint32Array.from(["a", "b", "c", "d"], hash)
    assert.deepStrictEqual(
      ["cart-1", "cart-2", "cart-3", "cart-4", "cart-5", "cart-6"].map((key) => owner(nodes, hash(key))),
      [3, 1, 3, 0, 3, 2]
    )
  })
})
