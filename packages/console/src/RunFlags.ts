import { Flag } from "effect/cli"
import * as Option from "effect/Option"
import { BrokerName } from "./BrokerChoice.ts"

/** Flags whose defaults are not filled in: for a command that must know what was given. */
export const givenFlags = {
  broker: Flag.Literals("broker", BrokerName.literals).pipe(
    Flag.withDescription(
      "where topics live: files (embedded), this process (memory), NATS JetStream (nats; NATS_URL, else a server of its own)"
    ),
    Flag.optional
  ),
  seed: Flag.Int("seed").pipe(Flag.withDescription("chooses what shoppers do"), Flag.optional)
}

/** What those flags are unless somebody says otherwise. */
export const flagDefaults = { broker: "embedded", seed: 7 } as const

/** The flags that both apps take. */
export const runFlags = {
  broker: givenFlags.broker.pipe(Flag.map(Option.getOrElse((): BrokerName => flagDefaults.broker))),
  data: Flag.String("data").pipe(
    Flag.optional,
    Flag.withDescription(
      "directory of the run: start again with the same one to go on; a fresh one sees no other run's records"
    )
  ),
  seed: givenFlags.seed.pipe(Flag.map(Option.getOrElse((): number => flagDefaults.seed))),
  once: Flag.Boolean("once").pipe(Flag.withDefault(false), Flag.withDescription("run to the end and leave")),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("with --once: print one JSON object on standard output, and nothing else there")
  )
}
