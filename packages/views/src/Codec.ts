import * as Schema from "effect/Schema"

/** Turns values into bytes and back; `decode` throws for bytes that `encode` cannot have made. */
export interface Codec<A> {
  readonly encode: (value: A) => Uint8Array
  readonly decode: (bytes: Uint8Array) => A
}

const utf8 = new TextEncoder()
const text = new TextDecoder("utf-8", { fatal: true })

/** A codec of two functions, e.g. for state that is typed arrays already. */
export const make = <A>(codec: Codec<A>): Codec<A> => codec

/** JSON of a schema's encoded form; both ways are validated. The schema must need no services and no asynchrony. */
export const json = <A, I>(schema: Schema.Codec<A, I>): Codec<A> => {
  const encode = Schema.encodeSync(schema)
  const decode = Schema.decodeUnknownSync(schema)
  return {
    encode: (value) => utf8.encode(JSON.stringify(encode(value))),
    decode: (bytes) => decode(JSON.parse(text.decode(bytes)))
  }
}

/**
 * JSON without a schema: about five times faster than `json`, and nothing checks the shape.
 * For values that only this view wrote, such as its own state.
 */
export const plainJson = <A>(): Codec<A> => ({
  encode: (value) => utf8.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(text.decode(bytes))
})
