/** The rows of an edition as they were when it had folded the raw topic up to a sequence: read back from what it committed. */
import { Outputs, Table } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Aggregate from "./Aggregate.ts"
import type { Edition } from "./Edition.ts"

/** The rows at a sequence of the raw topic. What was committed later does not count, however far the view is. */
export const at = Effect.fn("EditionRows.at")(function* (edition: Edition, through: number) {
  const view = Aggregate.view(edition)
  const table = Table.make(Aggregate.table)
  yield* Outputs.read(view).pipe(
    Stream.runForEachArray((commits) =>
      Effect.sync(() => {
        for (const committed of commits) {
          table.apply(Outputs.decode(view, committed).filter(({ raw }) => raw <= through))
        }
      })
    )
  )
  return table.rows
})

/** Every change of one row, in order. */
export const history = Effect.fn("EditionRows.history")(function* (edition: Edition, key: string) {
  const view = Aggregate.view(edition)
  return yield* Outputs.read(view).pipe(
    Stream.runFold(
      (): Array<Aggregate.Counted> => [],
      (held, committed) => {
        for (const output of Outputs.decode(view, committed)) if (output.key === key) held.push(output)
        return held
      }
    )
  )
})
