/**
 * A defect with which a behaviour says that its state in memory is no longer true: always rebuild it, whatever the supervision.
 *
 * `retry` says that the message had no effect and is tried again after the restart.
 */
export class RestartRequired extends Error {
  override readonly name = "RestartRequired"
  readonly retry: boolean

  constructor(cause: unknown, retry: boolean) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.retry = retry
  }
}
