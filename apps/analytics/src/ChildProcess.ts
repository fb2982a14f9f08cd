import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A process that was started here. */
export type Child = ChildProcess

/**
 * Starts this app again with another sub-command, in a process of its own, until the scope closes. What it says comes as messages
 * (`process.send`); its standard error is this one's. It ends by itself when this process does, however that ends.
 */
export const start = (args: ReadonlyArray<string>): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [...process.execArgv, `${import.meta.dirname}/main.ts`, ...args], {
        stdio: ["ignore", "ignore", "inherit", "ipc"],
        serialization: "advanced"
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

/** Waits until the process has ended and everything it said has come; answers its exit code, `null` after a signal. */
export const ended = (child: Child): Effect.Effect<number | null> =>
  Effect.promise(async () => {
    const isOver = child.exitCode !== null || child.signalCode !== null
    await Promise.all([
      isOver ? undefined : once(child, "exit"),
      child.connected ? once(child, "disconnect") : undefined
    ])
    return child.exitCode
  })

/** For the child: tells the process that started it, and goes on once that is on its way. */
export const tell = (message: object): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    process.send?.(message, undefined, undefined, () => resume(Effect.void))
  })

/** For the child: until the scope closes, this process ends when the one that started it is gone. */
export const diesWithParent: Effect.Effect<void, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    process.on("disconnect", () => process.exit(1))
  }),
  () =>
    Effect.sync(() => {
      process.removeAllListeners("disconnect")
      if (process.connected) process.disconnect()
    })
)
