import { BrokerError, StorageFailed } from "@troupe/broker"
import { StoreFailure } from "@troupe/broker/backend"
import { LogCorrupt, type LogError, LogFailed, LogUnsupported } from "@troupe/storage/log"
import * as Effect from "effect/Effect"
import { DamagedFile } from "./Directories.ts"

/** True for the failures that a log answers or throws. */
export const isLogError = (error: unknown): error is LogError =>
  error instanceof LogFailed || error instanceof LogCorrupt || error instanceof LogUnsupported

const isSystemError = (error: unknown): error is Error =>
  error instanceof DamagedFile || (error instanceof Error && "code" in error && "syscall" in error)

/** What a failure of files says to the caller of the broker. */
export const storeFailure = (error: LogError | Error): StoreFailure =>
  new StoreFailure(
    isLogError(error)
      ? `${error.message} Build the broker's layer again after that.`
      : `${error.message}. Look after the disk and the permissions of the directory, then build the broker's layer again.`,
    error
  )

/** The `StoreFailure` in what a log threw; anything else is a bug and thrown on. */
export const failureOf = (error: unknown): StoreFailure => {
  if (isLogError(error) || isSystemError(error)) return storeFailure(error)
  throw error
}

/** A broker's error for a failure of files. */
export const storageFailed = (error: LogError | Error, operation: string): BrokerError => {
  const failure = storeFailure(error)
  return new BrokerError({
    reason: new StorageFailed(),
    operation,
    detail: failure.detail,
    cause: failure.cause
  })
}

/** Runs synchronous work on files: what the disk refuses becomes `StorageFailed`, a bug stays a defect. */
export const onFiles = <A>(operation: string, work: () => A): Effect.Effect<A, BrokerError> =>
  Effect.sync(work).pipe(
    Effect.catchDefect((error) =>
      isLogError(error) || isSystemError(error)
        ? Effect.fail(storageFailed(error, operation))
        : Effect.die(error)
    )
  )
