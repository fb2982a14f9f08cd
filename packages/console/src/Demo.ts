import { NatsServer } from "@troupe/nats"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { BrokerName } from "./BrokerChoice.ts"

/** Two brokers gave different results for the same story: a bug, or another program's records in the run. */
export class Unequal extends Schema.TaggedError<Unequal>()("Unequal", {
  embedded: Schema.String,
  nats: Schema.String
}) {
  override get message() {
    return `The embedded broker gave ${this.embedded}, NATS gave ${this.nats}. They must be equal: please report this with the output above.`
  }
}

/** Why there is no NATS for the demo, in one line; nothing when there is one. */
const natsMissing = Effect.gen(function* () {
  if (Option.isSome(yield* Config.option(Config.String("NATS_URL")))) return Option.none<string>()
  const found = yield* Effect.result(NatsServer.locate)
  return found._tag === "Success"
    ? Option.none()
    : Option.some(found.failure.message.replaceAll(/\s*\n\s*/g, " "))
})

/** The parts of what the demos of all apps show together. */
export type Part =
  | "Message queues"
  | "Append-only logs and WAL"
  | "Log-structured storage"
  | "Lambda and Kappa"
  | "Clickstream intent"

/** Begins the line that sums up a part: `npm run demo` repeats these lines at its end. */
const mark = "■"

/** Sums up, in one line, what was just done about a part. */
export const sumUp = (part: Part, text: string): Effect.Effect<void> =>
  Console.log(`\n${mark} ${part}: ${text}\n`)

/** What a story was on each broker; `nats` is absent where there is no server. */
export interface Both<A> {
  readonly embedded: A
  readonly nats?: A
}

/** On which brokers a story was told, in words. */
export const brokersOf = ({ nats }: Both<unknown>): string =>
  nats === undefined
    ? "on the embedded broker (NATS: none found)"
    : "on embedded and on NATS, with the same digest"

/**
 * Tells a story on the embedded broker, then the same story on NATS JetStream, and compares their digests.
 * Without a NATS server one line says how to get one.
 */
export const both = Effect.fn("Demo.both")(function* <A extends { readonly digest: string }, E, R>(
  tell: (broker: BrokerName) => Effect.Effect<A, E, R>
) {
  const embedded = yield* tell("embedded")
  const missing = yield* natsMissing
  if (Option.isSome(missing)) {
    yield* Console.log(`\nNot told on NATS: ${missing.value}\n`)
    return { embedded } as Both<A>
  }
  yield* Console.log("")
  const nats = yield* tell("nats")
  if (nats.digest !== embedded.digest) {
    return yield* new Unequal({ embedded: embedded.digest, nats: nats.digest })
  }
  yield* Console.log(`\nThe same digest on both brokers: ${nats.digest}\n`)
  return { embedded, nats } as Both<A>
})
