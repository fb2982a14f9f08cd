/** What the walk over a log found at the first place that is not a good batch, or at a good one. */
export interface Finding {
  /** `bad`: the checksum does not hold, or the file ends first. `zeroes`: nothing but zeroes to the end of the file. */
  readonly header: "ok" | "bad" | "zeroes"
  /** Whether the batch names the one before it. */
  readonly chain: "ok" | "bad"
  readonly body: "ok" | "bad"
  /** Whether the place is below the best known synced line: a sealed segment comes after it. */
  readonly line: "below" | "above"
  /**
   * Valid batches of this log after the place: none, some that were all built before anything from the place on was
   * synced, or one that proves the place was synced: its `syncedTo` is past it, or it is a checkpoint.
   */
  readonly later: "none" | "unsynced" | "synced"
}

/**
 * What to do: take the batch, end the log here without a word (zeroes), cut the torn tail, cut and keep a copy of what is
 * cut, or refuse because synced bytes are damaged.
 */
export type Decision = "accept" | "end" | "cut" | "cutWithCopy" | "refuse"

type Pattern = { readonly [K in keyof Finding]: ReadonlyArray<Finding[K]> | "any" }

/** One line of the decision table. */
export interface Rule extends Pattern {
  readonly decision: Decision
}

const any = "any"

/** The recovery decision table of `docs/file-formats.md`, first match wins; a test holds the two against each other. */
export const recoveryTable: ReadonlyArray<Rule> = [
  { header: ["ok"], chain: ["ok"], body: ["ok"], line: any, later: any, decision: "accept" },
  { header: any, chain: any, body: any, line: ["below"], later: any, decision: "refuse" },
  { header: any, chain: any, body: any, line: ["above"], later: ["synced"], decision: "refuse" },
  { header: ["zeroes"], chain: any, body: any, line: ["above"], later: ["none"], decision: "end" },
  { header: ["bad"], chain: any, body: any, line: ["above"], later: ["none"], decision: "cut" },
  {
    header: ["bad", "zeroes"],
    chain: any,
    body: any,
    line: ["above"],
    later: ["unsynced"],
    decision: "cutWithCopy"
  },
  { header: ["ok"], chain: ["ok"], body: ["bad"], line: ["above"], later: ["none"], decision: "cut" },
  {
    header: ["ok"],
    chain: ["ok"],
    body: ["bad"],
    line: ["above"],
    later: ["unsynced"],
    decision: "cutWithCopy"
  },
  {
    header: ["ok"],
    chain: ["bad"],
    body: any,
    line: ["above"],
    later: ["none", "unsynced"],
    decision: "cutWithCopy"
  }
]

const fits = <A>(pattern: ReadonlyArray<A> | "any", value: A): boolean =>
  pattern === any || pattern.includes(value)

/** The decision for a finding. */
export const decide = (finding: Finding): Decision => {
  const rule = recoveryTable.find(
    (r) =>
      fits(r.header, finding.header) &&
      fits(r.chain, finding.chain) &&
      fits(r.body, finding.body) &&
      fits(r.line, finding.line) &&
      fits(r.later, finding.later)
  )
  if (rule === undefined) throw new Error(`the recovery table has no rule for ${JSON.stringify(finding)}`)
  return rule.decision
}
