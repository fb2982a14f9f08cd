import { assert, describe, it } from "@effect/vitest"
import { Contract } from "@troupe/broker/contract"

const ids = [...Contract.tests, ...Contract.restartTests, ...Contract.bounceTests].map((test) => test.id)
const named = Contract.clauses.flatMap((clause) => ("tests" in clause ? clause.tests : []))

describe("the contract's clauses", () => {
  it("name tests that exist", () => {
    assert.deepStrictEqual(
      named.filter((id) => !ids.includes(id)),
      []
    )
  })

  it("name every test", () => {
    assert.deepStrictEqual(
      ids.filter((id) => !named.includes(id)),
      []
    )
  })

  it("have a test, or a reason why there is none", () => {
    for (const clause of Contract.clauses) {
      if ("tests" in clause) assert.isAbove(clause.tests.length, 0, clause.clause)
      else assert.isAbove(clause.notYet.length, 0, clause.clause)
    }
    assert.strictEqual(new Set(ids).size, ids.length, "an id is used twice")
  })
})
