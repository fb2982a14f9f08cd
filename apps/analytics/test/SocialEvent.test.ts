import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { kinds, parse, SocialEvent } from "../src/social/SocialEvent.ts"

const isOfSchema = Schema.is(SocialEvent)

const nameLike = Schema.Union([
  Schema.String,
  Schema.Literals(["", "u1", "x".repeat(64), "x".repeat(65), " cats ", "🐈".repeat(32), "🐈".repeat(33)]),
  Schema.Null,
  Schema.Finite
])
const atLike = Schema.Union([
  Schema.Int,
  Schema.Finite,
  Schema.Literals([0, -0, -1, 0.5, 8_640_000_000_000_000, 8_640_000_000_000_001, 9_007_199_254_740_992]),
  Schema.String,
  Schema.Null
])
const kindLike = Schema.Union([Schema.Literals(kinds), Schema.Literals(["poke", "Like", ""]), Schema.Null])

/** Objects that are events, or nearly. */
const nearly = Schema.Struct({
  id: Schema.optionalKey(nameLike),
  kind: Schema.optionalKey(kindLike),
  user: Schema.optionalKey(nameLike),
  post: Schema.optionalKey(nameLike),
  author: Schema.optionalKey(nameLike),
  topic: Schema.optionalKey(nameLike),
  at: Schema.optionalKey(atLike),
  more: Schema.optionalKey(Schema.Json)
})

const agree = (value: unknown): void => {
  const line = JSON.stringify(value)
  const back: unknown = JSON.parse(line)
  const parsed = parse(line)
  assert.strictEqual(Result.isSuccess(parsed), isOfSchema(back), line)
  if (Result.isSuccess(parsed)) assert.deepStrictEqual(parsed.success, back as SocialEvent)
  else assert.isAbove(parsed.failure.length, 0)
}

describe("SocialEvent.parse", () => {
  it.prop("accepts every event of the schema", [SocialEvent], ([event]) => {
    assert.isTrue(Result.isSuccess(parse(JSON.stringify(event))))
    agree(event)
  })

  it.prop("accepts exactly what the schema accepts, of what is nearly an event", [nearly], ([value]) =>
    agree(value)
  )

  it.prop(
    "accepts exactly what the schema accepts, of an event with one thing wrong",
    [SocialEvent, nearly],
    ([event, other]) => {
      for (const key of Object.keys(other)) agree({ ...event, [key]: other[key as keyof typeof other] })
      for (const key of Object.keys(event)) {
        agree(Object.fromEntries(Object.entries(event).filter(([name]) => name !== key)))
      }
    }
  )

  it.prop("accepts exactly what the schema accepts, of any JSON", [Schema.Json], ([value]) => agree(value))

  it("says why a line holds no event", () => {
    const why = (line: string) => Result.getOrThrow(Result.flip(parse(line)))
    assert.match(why('{"id":'), /^no JSON/)
    assert.match(why("[]"), /object/i)
    const event = { id: "e", kind: "like", user: "u", post: "p", author: "a", topic: null }
    assert.match(why(JSON.stringify(event)), /at/)
    assert.match(why(JSON.stringify({ ...event, at: -1 })), /at/)
  })
})
