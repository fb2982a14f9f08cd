import { Flag } from "effect/cli"
import { BrokerName } from "./BrokerChoice.ts"

/** The flags that both apps take. */
export const runFlags = {
  broker: Flag.Literals("broker", BrokerName.literals).pipe(
    Flag.withDefault("embedded"),
    Flag.withDescription(
      "where topics live: files (embedded), this process (memory), NATS JetStream (nats; NATS_URL, else a server of its own)"
    )
  ),
  data: Flag.String("data").pipe(
    Flag.optional,
    Flag.withDescription(
      "directory of the run: start again with the same one to go on; a fresh one sees no other run's records"
    )
  ),
  seed: Flag.Int("seed").pipe(Flag.withDefault(7), Flag.withDescription("chooses what shoppers do")),
  once: Flag.Boolean("once").pipe(Flag.withDefault(false), Flag.withDescription("run to the end and leave")),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("with --once: print one JSON object on standard output, and nothing else there")
  )
}
