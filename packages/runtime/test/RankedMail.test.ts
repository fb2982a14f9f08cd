import { assert, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import type * as Message from "../src/Message.ts"
import { RankedMail } from "../src/RankedMail.ts"
import { dice } from "./dice.ts"

interface Ranked {
  readonly rank: number
  readonly arrival: number
}

const message = (rank: number, arrival: number) =>
  ({ _tag: "Ranked", rank, arrival }) as unknown as Message.Any
const rankOf = (item: unknown) => (item as Ranked).rank

it("gives what a sorted list gives, over random pushes and shifts", () => {
  const seeds = count({ quick: 300, long: 20_000 })
  for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
    const roll = dice(seed)
    let ranked = 0
    const mail = new RankedMail((item) => {
      ranked++
      return rankOf(item)
    }, assert.fail)
    const naive: Array<unknown> = []
    const ranks = 1 + roll(12)
    // Mostly pushes first, mostly shifts later.
    for (let step = 0; step < 400; step++) {
      if (roll(400) >= step) {
        const pushed = message(roll(ranks) - 5, step)
        mail.push(pushed)
        // The first that is handled later stands behind it: ranks are stable.
        const at = naive.findIndex((other) => rankOf(other) > rankOf(pushed))
        naive.splice(at < 0 ? naive.length : at, 0, pushed)
      } else {
        assert.strictEqual(mail.shift(), naive.shift(), `seed ${seed}, step ${step}`)
      }
      assert.strictEqual(mail.length, naive.length, `seed ${seed}, step ${step}`)
    }
    const pushes = ranked
    while (naive.length > 0) assert.strictEqual(mail.shift(), naive.shift(), `seed ${seed}`)
    assert.isUndefined(mail.shift())
    assert.strictEqual(ranked, pushes, `seed ${seed}: a rank was asked for again`)
  }
})
