import { assert, describe, it } from "@effect/vitest"
import { Sets, Split, Trajectory } from "../src/index.ts"

/** Sessions of users who come one to three times; one in ten buys. */
const sessions = Array.from(
  { length: 3000 },
  (_, i): Trajectory.Trajectory => ({
    id: `s${i}`,
    user: `u${i % 1700}`,
    startMillis: Math.floor(i / 3) * 1000,
    label: i % 10 === 0 ? 1 : 0,
    symbols: [1, 2, 3, 4, 6]
  })
)

const ids = (set: ReadonlyArray<Trajectory.Trajectory>) => set.map(({ id }) => id)

describe("sets", () => {
  it("have the share of buyers that was asked for, dropping only from the class there is too much of", () => {
    for (const share of [0.5, 0.05, 0.015, 0.1]) {
      const set = Sets.rate(sessions, share, 1)
      const buyers = Trajectory.countBuyers(set)
      assert.isBelow(Math.abs(buyers - share * set.length), 1, `${share}`)
      const others = set.length - buyers
      assert.isTrue(share > 0.1 ? buyers === 300 : others === 2700, `${share}`)
    }
    assert.strictEqual(Sets.balanced(sessions, 1).length, 600)
    assert.strictEqual(Sets.natural(sessions), sessions)
    assert.throws(() => Sets.rate(sessions, 0, 1), "must lie between 0 and 1")
  })

  it("are those of their seed, whatever the order of the input, which they keep", () => {
    const set = Sets.balanced(sessions, 7)
    assert.deepStrictEqual(Sets.balanced(sessions, 7), set)
    assert.deepStrictEqual(new Set(ids(Sets.balanced([...sessions].reverse(), 7))), new Set(ids(set)))
    assert.notDeepEqual(ids(Sets.balanced(sessions, 8)), ids(set))
    const order = ids(sessions)
    const places = ids(set).map((id) => order.indexOf(id))
    assert.deepStrictEqual(
      places,
      [...places].sort((a, b) => a - b)
    )
  })
})

const usersOf = (set: ReadonlyArray<Trajectory.Trajectory>) => new Set(set.map(({ user }) => user))

describe("splits", () => {
  it("by user share nobody, lose nobody, and keep about the shares asked for", () => {
    const split = Split.byUser(sessions, { seed: 3, validation: 0.2, test: 0.3 })
    const { test, train, validation } = split
    assert.strictEqual(train.length + validation.length + test.length, sessions.length)
    assert.strictEqual(new Set([...ids(train), ...ids(validation), ...ids(test)]).size, sessions.length)
    for (const [a, b] of [
      [train, validation],
      [train, test],
      [validation, test]
    ] as const) {
      const users = usersOf(b)
      assert.isFalse([...usersOf(a)].some((user) => users.has(user)))
    }
    assert.closeTo(test.length / sessions.length, 0.3, 0.03)
    assert.closeTo(validation.length / sessions.length, 0.2, 0.03)
  })

  it("by user are those of their seed, and more data moves nobody", () => {
    const split = Split.byUser(sessions, { seed: 3 })
    const earlier = Split.byUser(sessions.slice(0, 1000), { seed: 3 })
    const test = new Set(ids(split.test))
    assert.isTrue(ids(earlier.test).every((id) => test.has(id)))
    assert.notDeepEqual(ids(Split.byUser(sessions, { seed: 4 }).test), ids(split.test))
  })

  it("by time train on what was before, and do not part what began together", () => {
    const { test, train, validation } = Split.byTime([...sessions].reverse(), { validation: 0.2, test: 0.21 })
    const times = (set: ReadonlyArray<Trajectory.Trajectory>) => set.map(({ startMillis }) => startMillis)
    assert.isBelow(Math.max(...times(train)), Math.min(...times(validation)))
    assert.isBelow(Math.max(...times(validation)), Math.min(...times(test)))
    assert.strictEqual(train.length + validation.length + test.length, sessions.length)
    assert.closeTo(test.length, 630, 3)
    assert.throws(() => Split.byTime(sessions, { validation: 0.6, test: 0.4 }), "something to train on")
  })

  it("into folds test each session once, deal buyers out evenly, and share no user within a fold", () => {
    const folds = Split.folds(sessions, { count: 5, seed: 1 })
    assert.deepStrictEqual(folds.flatMap(({ test }) => ids(test)).sort(), ids(sessions).sort())
    const buying = folds.map(({ test }) => usersOf(test.filter(({ label }) => label === 1)).size)
    assert.isAtMost(Math.max(...buying) - Math.min(...buying), 1)
    for (const { test, train, validation } of folds) {
      assert.strictEqual(train.length + validation.length + test.length, sessions.length)
      const seen = usersOf(train)
      assert.isFalse([...usersOf(test), ...usersOf(validation)].some((user) => seen.has(user)))
    }
    assert.throws(() => Split.folds(sessions, { count: 2, seed: 1 }), "at least 3")
  })
})
