import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** A NATS server for an example that talks to one. */
export interface Nats extends AsyncDisposable {
  readonly url: string
}

/**
 * Starts what `npm run nats` starts. Where there is no server an example has to say so by itself, but under `CI=true`
 * that is no proof.
 */
export const startNats = async (): Promise<Nats | undefined> => {
  const main = join(import.meta.dirname, "../nats/main.ts")
  const child = spawn(process.execPath, ["--conditions=@troupe/source", main], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const exit = once(child, "exit")
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^NATS_URL=(.+)$/.exec(line)?.[1]
    if (url === undefined) continue
    return {
      url,
      [Symbol.asyncDispose]: async () => {
        child.kill("SIGTERM")
        await exit
      }
    }
  }
  if (process.env["CI"] === "true") throw new Error("There is no NATS server to run the README's example on.")
  return undefined
}
