/**
 * The program of the threads that flush and compact; `@troupe/storage/lsm` starts it by itself. It imports no Effect, so
 * that it starts quickly.
 */
import { parentPort } from "node:worker_threads"
import { nodeFileSystem } from "./disk/NodeFileSystem.ts"
import { failureToAnswer, type TableJobAnswer } from "./lsm/RemoteTableJob.ts"
import { runTableJob, type TableJob } from "./lsm/TableJob.ts"

const answerOf = (job: TableJob): TableJobAnswer => {
  try {
    return { _tag: "Done", result: runTableJob(nodeFileSystem, job) }
  } catch (error) {
    return failureToAnswer(error)
  }
}

parentPort?.on("message", (job: TableJob) => parentPort?.postMessage(answerOf(job)))
