import { Batch, Proof } from "@troupe/batch"
import type { Table } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Aggregate from "./Aggregate.ts"
import type { Edition } from "./Edition.ts"
import * as QuestionSql from "./QuestionSql.ts"
import * as Tally from "./Tally.ts"

/**
 * Proves that rows of an edition are those that DuckDB computes from the archived raw events up to a sequence, by digests of each partition and
 * hour that are bisected to single rows where they differ.
 */
export const prove = Effect.fn("BatchProof.prove")(function* (
  edition: Edition,
  rows: Table.Rows,
  archive: string,
  through: number
) {
  const batch = yield* Batch.open({ archives: { raw: archive } })
  yield* batch.query(`CREATE TEMP VIEW events AS SELECT * FROM raw WHERE sequence <= ${through}`)
  const computed = yield* Proof.ofSql(batch, { sql: QuestionSql.aggregated(edition), fields: Tally.fields })
  return yield* Proof.prove(computed, Proof.ofRows(rows, Aggregate.bucketOf))
}, Effect.scoped)
