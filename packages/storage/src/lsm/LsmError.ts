import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { LogCorrupt, LogFailed, LogUnsupported } from "../log/LogError.ts"
import { TableDamage, TableUnsupported } from "./TableDamage.ts"

/**
 * Bytes that were safely on disk are not what was written. Reads of other blocks and tables go on; this one refuses
 * rather than to answer with other bytes. Way out: restore the file from a replica or a backup.
 */
export class LsmCorrupt extends Schema.TaggedError<LsmCorrupt>()("LsmCorrupt", {
  file: Schema.String,
  /** First damaged byte. */
  from: Schema.Number,
  /** Byte after the damage, as far as is known. */
  to: Schema.Number,
  expected: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return (
      `${this.file}: bytes ${this.from} to ${this.to} are damaged: expected ${this.expected}, found ${this.found}. ` +
      "Restore the file from a replica or a backup; what lies elsewhere stays readable."
    )
  }
}

const remedies: { readonly [code: string]: string } = {
  CLOSED: "Keep the scope that Lsm.open ran in open for as long as the store is used.",
  EBUSY: "This process has the store open already: use that one, or close it first.",
  ENOSPC: "Free space on the disk, then open the store again.",
  EMFILE: "Raise the limit of open files, then open the store again.",
  ARCHIVE: "The file stays and is tried again after the next flush: look after the archive.",
  CORRUPT: "The cause says which file: restore it from a replica or a backup, then open the store again.",
  DEFECT: "A bug of the store, its cause is with it: please report it. Open the store again to go on."
}

/**
 * The disk refused: a full disk, an I/O error, a failed sync, or a store that is closed. After a failed write the store
 * takes no further writes until it is opened again; reads go on. Nothing that was acknowledged is lost.
 */
export class LsmFailed extends Schema.TaggedError<LsmFailed>()("LsmFailed", {
  /** What was being done: `write`, `sync`, `flush`, `compact`, `open`, … */
  operation: Schema.String,
  file: Schema.String,
  /** The system's code (`ENOSPC`, `EIO`, …), or `CLOSED`, `EBUSY`, `ARCHIVE`, `CORRUPT`, `DEFECT`. */
  code: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    const remedy = remedies[this.code] ?? "Look after the disk, then open the store again."
    return `${this.operation} ${this.file}: ${this.code}. What was not acknowledged may be lost. ${remedy}`
  }
}

/** The directory holds a store of a format version that this code does not read. */
export class LsmUnsupported extends Schema.TaggedError<LsmUnsupported>()("LsmUnsupported", {
  file: Schema.String,
  version: Schema.String
}) {
  override get message() {
    return `${this.file}: format version ${this.version} is not one this version of @troupe/storage reads. Upgrade it.`
  }
}

/** A question about the past whose answer was dropped: neither a snapshot nor the history of the store kept it. */
export class HistoryGone extends Schema.TaggedError<HistoryGone>()("HistoryGone", {
  /** The sequence or time that was asked for. */
  asked: Schema.String
}) {
  override get message() {
    return (
      `The store does not know any more what the key was at ${this.asked}. ` +
      "Open it with a longer history (`history: { versions, millis }`), or take a snapshot before the change."
    )
  }
}

/** Why a store could not be opened, read or written. */
export type LsmError = LsmCorrupt | LsmFailed | LsmUnsupported

const isLsmError = (error: unknown): error is LsmError =>
  error instanceof LsmCorrupt || error instanceof LsmFailed || error instanceof LsmUnsupported

/** What was thrown as one of the store's errors; anything else is a bug and is thrown on. */
export const toLsmError = (operation: string, file: string, cause: unknown): LsmError => {
  if (isLsmError(cause)) return cause
  if (cause instanceof LogFailed) {
    return new LsmFailed({ operation: cause.operation, file: cause.file, code: cause.code, cause })
  }
  if (cause instanceof LogUnsupported) return new LsmUnsupported({ file: cause.file, version: cause.version })
  if (cause instanceof TableUnsupported)
    return new LsmUnsupported({ file: cause.file, version: cause.version })
  if (cause instanceof LogCorrupt || cause instanceof TableDamage) {
    const { file: damaged, from, to, expected, found } = cause
    return new LsmCorrupt({ file: damaged, from, to, expected, found })
  }
  if (cause instanceof Error && "code" in cause && "syscall" in cause && typeof cause.code === "string") {
    return new LsmFailed({ operation, file, code: cause.code, cause })
  }
  throw cause
}

/** Runs a plain function of the store as an Effect: what it throws becomes a typed failure, a bug stays a defect. */
export const attempt = <A>(operation: string, file: string, run: () => A): Effect.Effect<A, LsmError> =>
  Effect.sync(run).pipe(
    Effect.catchDefect((cause) => Effect.suspend(() => Effect.fail(toLsmError(operation, file, cause))))
  )
