import { lineDiff } from "./LineDiff.ts"
import { show } from "./Show.ts"

/**
 * A decider did not do what its test says. The message shows the difference line by line.
 *
 * It looks like the `AssertionError` of Node, Vitest, Jest and Mocha (`name`, `code`, `actual`, `expected`), so any runner reports it as a failed
 * assertion, and none has to be there.
 */
export class DeciderMismatch extends Error {
  override readonly name = "AssertionError"
  readonly code = "ERR_ASSERTION"
  readonly actual: unknown
  readonly expected: unknown
  /** What the message says already. */
  readonly showDiff = false

  constructor(situation: string, actual: object, expected: object, cause?: unknown) {
    const [wanted, got] = [fields(expected), fields(actual)]
    const diff =
      wanted === got
        ? `${got}\n\nThey look the same, but are not: something in them is an instance of another class.`
        : lineDiff(wanted, got)
    super(
      `${situation}\n\n- expected\n+ what it does\n\n${diff}`,
      cause === undefined ? undefined : { cause }
    )
    this.actual = actual
    this.expected = expected
  }
}

const fields = (value: object): string =>
  Object.entries(value)
    .map(([name, field]) => `${name}: ${show(field)}`)
    .join("\n")
