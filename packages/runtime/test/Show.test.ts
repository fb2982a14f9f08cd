import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { show } from "../src/testing/Show.ts"
import { Overdrawn, Withdraw } from "./bank.ts"

describe("show", () => {
  it("names classes and tags, and hides what the name says already", () => {
    assert.strictEqual(show(new Withdraw({ amount: 3 })), "Withdraw { amount: 3 }")
    assert.strictEqual(show(new Overdrawn({ balance: 3 })), "Overdrawn { balance: 3 }")
    assert.strictEqual(show({ _tag: "Old", n: [1, "a", null] }), `Old { n: [1, "a", null] }`)
    assert.strictEqual(show({ a: {}, b: [], c: undefined }), "{ a: {}, b: [], c: undefined }")
    assert.strictEqual(show(new Error("boom")), "Error: boom")
    assert.include(show(new Map([["k", 1]])), "k")
    assert.include(show({ wait: Duration.seconds(1) }), "1")
  })

  it("breaks what is too long, and what holds itself", () => {
    const long = show({ first: "x".repeat(60), second: ["y".repeat(60), 1] })
    assert.strictEqual(long, `{\n  first: "${"x".repeat(60)}",\n  second: ["${"y".repeat(60)}", 1]\n}`)
    const circle: { self?: unknown } = {}
    circle.self = circle
    assert.strictEqual(show(circle), "{ self: (itself) }")
  })
})
