import * as Schema from "effect/Schema"

/**
 * Bytes that were safely on disk are not what was written: bit rot, a misdirected write, somebody's editor.
 *
 * The log refuses to open (or to read that range) rather than to answer with other bytes or to drop them. Three ways out,
 * all of them asked for: `Log.open` with `repair: { fetch }` gets the range from a replica or a backup, with
 * `repair: "quarantine"` it is moved aside and is a gap, and `Log.openReadOnly` reads what is before the damage.
 */
export class LogCorrupt extends Schema.TaggedError<LogCorrupt>()("LogCorrupt", {
  /** The damaged file. */
  file: Schema.String,
  /** First damaged byte. */
  from: Schema.Number,
  /** Byte after the damage, as far as is known. */
  to: Schema.Number,
  /** What should be there. */
  expected: Schema.String,
  /** What is there. */
  found: Schema.String
}) {
  override get message() {
    return (
      `${this.file}: bytes ${this.from} to ${this.to} are damaged: expected ${this.expected}, found ${this.found}. ` +
      "They were synced, so nothing is cut by itself: open the log with repair: { fetch } to get them from a replica " +
      'or a backup, with repair: "quarantine" to move them aside and go on with a gap, ' +
      "or read what comes before with Log.openReadOnly."
    )
  }
}

/** The directory holds a log of a format version that this code does not read. */
export class LogUnsupported extends Schema.TaggedError<LogUnsupported>()("LogUnsupported", {
  file: Schema.String,
  version: Schema.String
}) {
  override get message() {
    return `${this.file}: format version ${this.version} is not one this version of @troupe/storage reads. Upgrade it.`
  }
}

/**
 * The disk refused: a full disk, an I/O error, a failed sync, or a log that is closed.
 *
 * After a failed write or sync the log is poisoned: what was not acknowledged yet is not promised, every later append
 * fails with the same error, and only opening it again finds out what the disk really has. A sync is never repeated:
 * the kernel drops the pages it could not write and reports success the second time.
 */
export class LogFailed extends Schema.TaggedError<LogFailed>()("LogFailed", {
  /** What was being done: `write`, `sync`, `roll`, `open`, … */
  operation: Schema.String,
  /** The file or directory. */
  file: Schema.String,
  /** The system's code: `ENOSPC`, `EIO`, …; `CLOSED` after the log was closed, `EBUSY` when this process has it open, `FENCED` after another writer took over. */
  code: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    const remedy =
      this.code === "CLOSED"
        ? "Keep the scope that Log.open ran in open for as long as the log is used."
        : this.code === "FENCED"
          ? "Append to the log of the new writer; this one can only be read, or become its replica."
          : this.code === "EBUSY"
            ? "It is open in this process: use the log that the first Log.open answered."
            : this.code === "ENOSPC"
              ? "Free space on the disk, then open the log again."
              : "Look after the disk, then open the log again."
    return `${this.operation} ${this.file}: ${this.code}. What was not acknowledged may be lost. ${remedy}`
  }
}

/** Why a log could not be opened, written or read. */
export type LogError = LogCorrupt | LogUnsupported | LogFailed

/** A `LogFailed` made of what a call of the file system threw. */
export const logFailed = (operation: string, file: string, cause: unknown): LogFailed => {
  if (cause instanceof LogFailed) return cause
  const code =
    cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "UNKNOWN"
  return new LogFailed({ operation, file, code, cause })
}

/** True for the three errors of this package; anything else that is thrown is a bug. */
export const isLogError = (error: unknown): error is LogError =>
  error instanceof LogCorrupt || error instanceof LogFailed || error instanceof LogUnsupported
