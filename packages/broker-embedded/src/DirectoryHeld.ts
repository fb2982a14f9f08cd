import * as Schema from "effect/Schema"

/** Another process has the directory: one process owns it at a time. */
export class DirectoryHeld extends Schema.TaggedError<DirectoryHeld>()("DirectoryHeld", {
  directory: Schema.String,
  /** The process that holds it. */
  pid: Schema.Number,
  /** The machine that process runs on. */
  host: Schema.String,
  /** The lock file. */
  file: Schema.String,
  /** True when the process is on this machine and lives; false when it is on another one and cannot be asked. */
  isAlive: Schema.Boolean
}) {
  override get message() {
    const who = `process ${this.pid} on ${this.host}`
    return this.isAlive
      ? `${this.directory} is in use by ${who}: stop that process, or use another directory.`
      : `${this.directory} was locked by ${who}, which cannot be asked from here: if it does not run any more, remove ${this.file}.`
  }
}
