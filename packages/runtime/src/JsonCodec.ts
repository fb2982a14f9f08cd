import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

/** Turns values of one schema into JSON and back. */
export interface JsonCodec<A> {
  /** What does not fit the schema is a defect: it throws. */
  readonly encode: (value: A) => Schema.Json
  readonly decode: (json: unknown) => Exit.Exit<A, Schema.SchemaError>
}

/** The JSON codec of a schema; make it once, not for each value. */
export const jsonCodec = <A>(schema: Schema.Codec<A, unknown>): JsonCodec<A> => {
  const json = Schema.toCodecJson(schema)
  return {
    encode: Schema.encodeUnknownSync(json) as (value: A) => Schema.Json,
    decode: Schema.decodeUnknownExit(json)
  }
}
