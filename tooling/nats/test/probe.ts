// An app that starts a server, says where it is, and then does whatever the test does to it.
import * as Effect from "effect/Effect"
import { NatsServer } from "../NatsServer.ts"

Effect.gen(function* () {
  const [directory] = process.argv.slice(2)
  const running = yield* NatsServer.start(directory === undefined ? {} : { directory })
  const pid = yield* running.nodes[0]?.pid ?? Effect.succeed(undefined)
  yield* Effect.sync(() => process.stdout.write(`${JSON.stringify({ url: running.url, pid })}\n`))
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.runFork)
