// Starts NATS with JetStream for as long as it runs: `npm run nats`, or `npm run nats -- --cluster 3`.
import { parseArgs } from "node:util"
import { NodeRuntime } from "@effect/platform-node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { NatsServer, NatsServerFailed } from "./NatsServer.ts"

const help = `Starts a NATS server with JetStream on a free loopback port and prints its URL; Ctrl-C stops it.

  --cluster 3      three nodes instead of one
  --directory DIR  keep the store there (default: a temporary one)
`

const { values } = parseArgs({
  options: {
    cluster: { type: "string", default: "1" },
    directory: { type: "string" },
    help: { type: "boolean", default: false }
  }
})

const program = Effect.gen(function* () {
  if (values.help) return yield* Console.log(help)
  if (values.cluster !== "1" && values.cluster !== "3")
    return yield* new NatsServerFailed({ reason: "--cluster takes 1 or 3", log: "" })
  const running = yield* NatsServer.start({
    cluster: values.cluster === "3" ? 3 : 1,
    ...(values.directory === undefined ? {} : { directory: values.directory })
  })
  yield* Console.log(`NATS_URL=${running.url}`)
  yield* Console.error(`nats-server ${running.version} is ready; Ctrl-C stops it`)
  return yield* Effect.never
})

NodeRuntime.runMain(
  Effect.scoped(program).pipe(
    Effect.tapError((error) => Console.error(error.message)),
    Effect.asVoid
  ),
  { disableErrorReporting: true }
)
