import * as Effect from "effect/Effect"
import { NatsServer } from "./NatsServer.ts"

export { locateOld } from "./NatsBinary.ts"

const located = await Effect.runPromise(Effect.result(NatsServer.locate))

/**
 * True when there is a nats-server for tests. Without one, suites that need it are skipped and say so loudly, but
 * under `CI=true` the import itself fails: a build server must not turn green by testing nothing.
 */
export const hasServer: boolean = located._tag === "Success"

if (located._tag === "Failure") {
  const message = located.failure.message
  if (process.env["CI"] === "true") throw new Error(message)
  console.warn(`\nSKIPPED: every test that needs a NATS server.\n${message}\n`)
}
