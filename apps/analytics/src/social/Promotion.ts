import { Alias } from "@troupe/views"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BatchProof from "./BatchProof.ts"
import * as Edition from "./Edition.ts"
import * as EditionDiff from "./EditionDiff.ts"
import { aliasName, SocialRun } from "./SocialRun.ts"
import type { SwitchReport } from "./SwitchReport.ts"

/** The two editions differ by events that the new one is not meant to read otherwise. */
export class DifferencesUnexplained extends Schema.TaggedError<DifferencesUnexplained>()(
  "DifferencesUnexplained",
  { count: Schema.Int, first: Schema.String }
) {
  override get message() {
    return `${this.count} differences between the editions are not explained, the first: ${this.first}. Nothing was promoted; look at them with \`diff\`.`
  }
}

/** Runs a change of the alias and waits until a reader is told of it. */
const switched = <E, R>(change: Effect.Effect<Alias.Resolved, E, R>, provedRows = 0, differences = 0) =>
  Effect.gen(function* () {
    const from = (yield* Alias.resolve(aliasName)).current.version
    const began = yield* Clock.currentTimeNanos
    const { revision } = yield* change
    const to = (yield* Alias.resolve(aliasName)).current.version
    const millis = Number((yield* Clock.currentTimeNanos) - began) / 1e6
    return { from, to, revision, millis, provedRows, differences } satisfies SwitchReport
  })

/** What must be known of version 2 to promote it. */
export interface Proved {
  readonly through: number
  readonly rows: number
  readonly notProved: number
  readonly differences: number
}

/** Makes version 2 current, on a proof that is at hand. */
export const promoteOn = ({ differences, notProved, rows, through }: Proved) =>
  switched(
    Alias.promote(aliasName, {
      to: Alias.targetOf(EditionDiff.versionOf(Edition.v2).view),
      evidence: {
        digest: EditionDiff.versionOf(Edition.v2).view.digest,
        proved: true,
        through,
        differences: notProved
      },
      provenThrough: through,
      positions: { from: through, to: through }
    }),
    rows,
    differences
  )

/**
 * Makes version 2 current: brings both editions to one sequence, wants every difference between them explained and every row of version 2 proved
 * against DuckDB, and then changes the alias by one compare-and-set.
 */
export const promote = Effect.fn("Promotion.promote")(function* () {
  const social = yield* SocialRun
  const { report, rows } = yield* EditionDiff.run()
  const [first] = report.unexplainedExamples
  if (first !== undefined) {
    const { unexplained } = report
    return yield* new DifferencesUnexplained({ count: unexplained, first: `${first.key}: ${first.reason}` })
  }
  const archive = yield* social.archive
  const { through } = report
  yield* archive.run({ through })
  const proof = yield* BatchProof.prove(Edition.v2, rows, archive.directory, through)
  return yield* promoteOn({
    through,
    rows: proof.rows,
    notProved: proof.differences.length,
    differences: report.added + report.removed + report.changed
  })
})

/** Makes the edition before current again, by one compare-and-set; its stages have been running on. */
export const rollback = Effect.fn("Promotion.rollback")(function* () {
  return yield* switched(Alias.rollback(aliasName))
})
