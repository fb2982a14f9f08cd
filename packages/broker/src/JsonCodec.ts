import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** Values of a schema as JSON text in UTF-8. */
export interface JsonCodec<A> {
  readonly encode: (value: A) => Effect.Effect<Uint8Array, Schema.SchemaError>
  /** The value, or what is wrong with the bytes. */
  readonly decode: (data: Uint8Array) => Result.Result<A, string>
}

const utf8 = new TextEncoder()
const text = new TextDecoder("utf-8", { fatal: true })

const parse = (data: Uint8Array): unknown => JSON.parse(text.decode(data))

/** The codec of a schema; its parser is built once, here, so keep it. */
export const jsonCodec = <A, I>(schema: Schema.Codec<A, I>): JsonCodec<A> => {
  const json = Schema.toCodecJson(schema)
  const decodeExit = Schema.decodeUnknownExit(json)
  const encode = Schema.encodeEffect(json)
  return {
    encode: (value) => Effect.map(encode(value), (encoded) => utf8.encode(JSON.stringify(encoded))),
    decode: (data) =>
      Result.try({ try: () => parse(data), catch: String }).pipe(
        Result.flatMap((json) => {
          const exit = decodeExit(json)
          return Exit.isSuccess(exit)
            ? Result.succeed(exit.value)
            : Result.fail(
                Option.match(Exit.findErrorOption(exit), { onNone: () => String(exit.cause), onSome: String })
              )
        })
      )
  }
}
