import { type ChildProcessByStdio, spawn } from "node:child_process"
import { once } from "node:events"
import type { Readable, Writable } from "node:stream"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Another run of this app, started and ended by this one. */
export type Child = ChildProcessByStdio<Writable, Readable, null>

/**
 * Starts this app again with another sub-command, in a process of its own, until the scope closes. Its standard error is this one's; it
 * ends by itself when its standard input does, so that it dies with this process, however that ends.
 */
export const start = (args: ReadonlyArray<string>): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(
      (): Child =>
        spawn(process.execPath, [...process.execArgv, `${import.meta.dirname}/main.ts`, ...args], {
          stdio: ["pipe", "pipe", "inherit"]
        })
    ),
    (child) => kill(child)
  )

/** kill -9, and waits until the process is gone; nothing when it is gone already. */
export const kill = (child: Child): Effect.Effect<void> =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, "exit")
    child.kill("SIGKILL")
    await gone
  })

/** Waits until the process has ended by itself; answers its exit code, `null` after a signal. */
export const ended = (child: Child): Effect.Effect<number | null> =>
  Effect.promise(async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
    return child.exitCode
  })

/** For the child: until the scope closes, this process ends when the one that started it is gone. */
export const diesWithParent: Effect.Effect<void, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    process.stdin.on("end", () => process.exit(1)).resume()
    process.stdout.on("error", () => process.exit(1))
  }),
  () => Effect.sync(() => process.stdin.removeAllListeners("end").destroy())
)
