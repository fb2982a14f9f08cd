import * as Schema from "effect/Schema"

/** A change of the edition that readers are told to read. */
export const SwitchReport = Schema.Struct({
  from: Schema.Int,
  to: Schema.Int,
  /** Revision of the alias; rises with every change. */
  revision: Schema.Int,
  /** From asking for the change until a reader that asks which edition to read is told the new one. */
  millis: Schema.Number,
  /** Rows of the proof; 0 for a rollback, which needs none. */
  provedRows: Schema.Int,
  /** Differences to the edition before; all of them explained. */
  differences: Schema.Int
})
export type SwitchReport = typeof SwitchReport.Type
