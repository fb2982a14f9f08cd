import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A process ended before it wrote what was waited for. */
export class EndedEarly extends Schema.TaggedError<EndedEarly>()("EndedEarly", {
  script: Schema.String,
  awaited: Schema.String,
  stderr: Schema.String
}) {
  override get message() {
    return `${this.script} ended without "${this.awaited}": ${this.stderr}`
  }
}

/** A script of this folder in a process of its own; killed when the scope closes. */
export interface Child {
  readonly pid: number
  /** Whole lines it has written so far. */
  readonly lines: ReadonlyArray<string>
  /** Waits for a line that begins so; fails with what it wrote to stderr when it ends before. */
  readonly line: (prefix: string) => Effect.Effect<string, EndedEarly>
  /** SIGKILL by its own pid, and waits until it is gone and all it wrote has come. */
  readonly kill: Effect.Effect<void>
  /** Waits until it has ended by itself. */
  readonly ended: Effect.Effect<void>
}

/** Starts `node <script> <args>` on the sources; with `fileKilobytesMax` its files cannot grow beyond that (EFBIG). */
export const startChild = (
  script: string,
  args: ReadonlyArray<string>,
  options: { readonly fileKilobytesMax?: number } = {}
) =>
  Effect.acquireRelease(
    Effect.sync(() => makeChild(script, args, options.fileKilobytesMax)),
    (child) => child.kill
  )

const makeChild = (
  script: string,
  args: ReadonlyArray<string>,
  fileKilobytesMax: number | undefined
): Child => {
  const node = ["--conditions=@troupe/source", path.join(import.meta.dirname, script), ...args]
  const [command, all] =
    fileKilobytesMax === undefined
      ? [process.execPath, node]
      : [
          "bash",
          ["-c", `trap '' XFSZ; ulimit -f ${fileKilobytesMax}; exec "$0" "$@"`, process.execPath, ...node]
        ]
  const child: ChildProcess = spawn(command, all, { stdio: ["ignore", "pipe", "pipe"] })
  const lines: Array<string> = []
  const watchers = new Set<() => void>()
  let partial = ""
  let errors = ""
  let closed = false
  const notify = () => {
    for (const watcher of Array.from(watchers)) watcher()
  }
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (partial + chunk).split("\n")
    partial = parts.pop() ?? ""
    lines.push(...parts)
    notify()
  })
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk
  })
  child.on("close", () => {
    closed = true
    notify()
  })
  const until = <A>(look: () => Effect.Effect<A, EndedEarly> | undefined) =>
    Effect.callback<A, EndedEarly>((resume) => {
      const watcher = () => {
        const found = look()
        if (found === undefined) return
        watchers.delete(watcher)
        resume(found)
      }
      watchers.add(watcher)
      watcher()
      return Effect.sync(() => watchers.delete(watcher))
    })
  const ended = Effect.orDie(until(() => (closed ? Effect.void : undefined)))
  return {
    pid: child.pid ?? 0,
    lines,
    line: (prefix) =>
      until(() => {
        const found = lines.find((line) => line.startsWith(prefix))
        if (found !== undefined) return Effect.succeed(found)
        return closed ? Effect.fail(new EndedEarly({ script, awaited: prefix, stderr: errors })) : undefined
      }),
    kill: Effect.suspend(() => {
      if (!closed) child.kill("SIGKILL")
      return ended
    }),
    ended
  }
}
