import { Explain, TableDigest } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Aggregate from "./Aggregate.ts"
import type { DiffReport } from "./DiffReport.ts"
import * as Edition from "./Edition.ts"
import * as Questions from "./Questions.ts"
import type { SocialEvent } from "./SocialEvent.ts"
import { SocialRun } from "./SocialRun.ts"

const examplesShown = 5

/** An edition, as its differences to another are explained. */
export const versionOf = (edition: Edition.Edition) => ({
  view: Aggregate.view(edition),
  table: Aggregate.table,
  contribution: ({ key, kind, raw }: Aggregate.Counted) => ({ key, sequence: raw, effect: kind })
})

const asRow = (row: object | undefined) => (row === undefined ? null : { ...(row as Record<string, number>) })

/** The events of the raw topic at some sequences. */
const eventsAt = Effect.fnUntraced(function* (sequences: ReadonlySet<number>, through: number) {
  const { raw } = yield* SocialRun
  const events = new Map<number, SocialEvent>()
  if (sequences.size === 0) return events
  yield* raw.read({ from: 1, to: through, filters: ["p.*"] }).pipe(
    Stream.runForEachArray((records) =>
      Effect.sync(() => {
        for (const record of records) {
          const event = sequences.has(record.sequence) ? Questions.decode(record) : undefined
          if (event !== undefined) events.set(record.sequence, event)
        }
      })
    )
  )
  return events
})

const said = (event: SocialEvent | undefined): string =>
  event === undefined
    ? "not an event"
    : `${event.id}: ${event.user} ${event.kind} ${event.post} by ${event.author}, topic ${JSON.stringify(event.topic)}`

/**
 * Compares version 2 with version 1 row by row at one sequence of the raw topic (default: what both have folded now), with the events that made
 * each difference; every one of those must be an event that version 2 is meant to read otherwise.
 */
export const run = Effect.fn("EditionDiff.run")(function* (options: { readonly through?: number } = {}) {
  const social = yield* SocialRun
  const through = options.through ?? (yield* social.raw.info).lastSequence
  const [v1, v2] = [yield* social.pipeline(Edition.v1), yield* social.pipeline(Edition.v2)]
  yield* Effect.all([v1.caughtUp(through), v2.caughtUp(through)], { concurrency: 2, discard: true })
  const explanation = yield* Explain.explain(versionOf(Edition.v1), versionOf(Edition.v2), { through })
  const sequences = new Set(explanation.differences.flatMap((difference) => difference.sequences))
  const events = yield* eventsAt(sequences, through)
  const report = Explain.report(explanation, {
    examples: examplesShown,
    expected: (sequence) => {
      const event = events.get(sequence)
      return event !== undefined && Edition.readsOtherwise(event)
    }
  })
  return {
    rows: explanation.after,
    report: {
      from: Edition.v1.version,
      to: Edition.v2.version,
      through,
      v1Digest: TableDigest.canonical(explanation.before),
      v2Digest: TableDigest.canonical(explanation.after),
      same: report.same,
      added: report.added.count,
      removed: report.removed.count,
      changed: report.changed.count,
      fields: Object.fromEntries(report.fields.map(({ count, field }) => [field, count])),
      unexplained: report.unexplained.count,
      unexplainedExamples: report.unexplained.examples,
      examples: explanation.differences.slice(0, examplesShown).map((difference) => ({
        key: difference.key,
        before: asRow(difference.before),
        after: asRow(difference.after),
        sequences: difference.sequences,
        because: said(events.get(difference.sequences[0] ?? 0))
      }))
    } satisfies DiffReport
  }
})
