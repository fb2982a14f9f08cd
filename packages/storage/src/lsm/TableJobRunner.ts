import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { FileSystem } from "../disk/FileSystem.ts"
import { attempt, type LsmError } from "./LsmError.ts"
import { resultOfAnswer, type TableJobAnswer } from "./RemoteTableJob.ts"
import { runTableJob, type TableJob, type TableJobResult } from "./TableJob.ts"

/** Runs the table jobs of one lane, one at a time. */
export type TableJobRunner = (job: TableJob) => Effect.Effect<TableJobResult, LsmError>

/** Runs jobs on this thread and on any file system: for tests, and where there are no threads. */
export const inlineRunner =
  (fs: FileSystem): TableJobRunner =>
  (job) =>
    attempt("compact", job.directory, () => runTableJob(fs, job))

/** The worker's program: beside the sources as it is, beside the built entry as one file. */
const program = (): URL =>
  import.meta.url.endsWith(".ts")
    ? new URL("../lsm-worker.ts", import.meta.url)
    : new URL("./lsm-worker.js", import.meta.url)

/**
 * Runs jobs in a worker thread on the real disk. The thread starts with the first job and keeps the process alive only
 * while it works; interruption ends it, and the files of the unfinished job go when the store is opened again.
 */
export const workerRunner: Effect.Effect<TableJobRunner, never, Scope.Scope> = Effect.gen(function* () {
  let worker: Worker | undefined
  const end = Effect.callback<void>((resume) => {
    const ending = worker
    worker = undefined
    if (ending === undefined) resume(Effect.void)
    else void ending.terminate().then(() => resume(Effect.void))
  })
  yield* Effect.addFinalizer(() => end)
  return (job) =>
    Effect.callback<TableJobAnswer>((resume) => {
      // Without the flags of this process: the program needs none, and a test runner's would confuse it.
      worker ??= new Worker(program(), { execArgv: [], name: "troupe-lsm" })
      const running = worker
      const settle = (answer: TableJobAnswer): void => {
        running.off("message", settle)
        running.off("error", fail)
        running.unref()
        resume(Effect.succeed(answer))
      }
      const fail = (error: unknown): void => {
        worker = undefined
        settle({
          _tag: "Bug",
          message: error instanceof Error ? (error.stack ?? error.message) : String(error)
        })
      }
      running.on("message", settle)
      running.on("error", fail)
      running.ref()
      running.postMessage(job)
      return end
    }).pipe(Effect.flatMap((answer) => attempt("compact", job.directory, () => resultOfAnswer(answer))))
})
