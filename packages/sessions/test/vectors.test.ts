import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { type Change, Fold, Sessions, SessionTable } from "../src/index.ts"

interface LogEvent {
  readonly at: number
  readonly key: string | null
  readonly id: string
}

interface Vectors {
  readonly cases: ReadonlyArray<{
    readonly name: string
    readonly rule: string
    readonly spec: {
      readonly gapMillis: number
      readonly boundary: "inclusive" | "exclusive"
      readonly delayMillis: number
      readonly latenessMillis: number
    }
    readonly log: ReadonlyArray<LogEvent | { readonly control: string; readonly at?: number }>
    readonly sessions: ReadonlyArray<{
      readonly key: string
      readonly sessionId: string
      readonly startMillis: number
      readonly lastMillis: number
      readonly events: number
      readonly eventIds: ReadonlyArray<string>
    }>
    readonly changes: ReadonlyArray<string>
  }>
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("vectors/sessions.json", import.meta.url), "utf8"))

describe("reference vectors", () => {
  for (const { changes, log, name, rule, sessions, spec: numbers } of vectors.cases) {
    it(`${name}: ${rule}`, () => {
      const spec = Sessions.define<LogEvent, string, ReadonlyArray<string>>({
        ...numbers,
        key: (event) => event.key,
        eventId: (event) => event.id,
        timeMillis: (event) => event.at,
        value: (event) => event.id,
        fold: Fold.collect((id) => id)
      })
      const expected = sessions.map(({ eventIds, ...session }) => ({ ...session, result: eventIds }))

      const told: Array<Change<string, ReadonlyArray<string>>> = []
      let state = Sessions.initial<string>()
      for (const item of log) {
        const [after, some] =
          "id" in item
            ? Sessions.step(spec, state, [item])
            : item.control === "end-of-input"
              ? Sessions.end(spec, state)
              : Sessions.step(spec, state, [], (item.at ?? 0) - spec.delayMillis)
        state = after
        told.push(...some)
      }
      assert.deepStrictEqual(
        told.map(({ _tag }) => _tag),
        [...changes]
      )
      const late = new Set(told.flatMap((change) => (change._tag === "Late" ? [change.eventId] : [])))
      const inTime = log.filter((item): item is LogEvent => "id" in item && !late.has(item.id))
      assert.deepStrictEqual(Sessions.batch(spec, inTime), expected)
      assert.deepStrictEqual(SessionTable.ofChanges(told), new Map(SessionTable.ofBatch(expected)))
    })
  }
})
