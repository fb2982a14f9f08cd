import { comparePlaces, type LogPoint } from "../log/LogPoint.ts"

/** What a primary sees in a hello. */
export interface HelloFinding {
  /** The replica's log is the same one, another one, or there is none. */
  readonly log: "same" | "other" | "none"
  /** The replica's largest epoch, against the primary's. */
  readonly epoch: "newer" | "known"
  /** Whether the replica asks for everything anew. */
  readonly wants: "stream" | "snapshot"
  /** The common point: in the primary's files, removed from them by retention, or not there because no epoch is shared. */
  readonly common: "kept" | "removed" | "none"
  /** Whether the primary has a batch end with that checksum there; `theirs` when the point is the primary's own. */
  readonly proof: "ok" | "bad" | "theirs"
}

/** What the primary does about it. */
export type HelloDecision = "depose" | "refuse" | "stream" | "snapshotBehind" | "snapshotDiverged"

/** What a replica sees in a welcome that says where to stream from. */
export interface WelcomeFinding {
  /** The point against the end of the replica's log. */
  readonly point: "end" | "inside" | "after"
  /** Whether the replica has a batch end with that checksum there. */
  readonly proof: "ok" | "bad"
  /** Whether everything that would be cut is above the replica's commit point. */
  readonly loses: "uncommitted" | "committed"
}

/** What the replica does about it. */
export type WelcomeDecision = "stream" | "cut" | "askSnapshot" | "askAgain"

type Pattern<F> = { readonly [K in keyof F]: ReadonlyArray<F[K]> | "any" }

const any = "any"

/** The primary's side of the handshake, first match wins; `docs/shipping-format.md` shows the same table. */
export const helloTable: ReadonlyArray<Pattern<HelloFinding> & { readonly decision: HelloDecision }> = [
  { log: ["other"], epoch: any, wants: any, common: any, proof: any, decision: "refuse" },
  { log: any, epoch: ["newer"], wants: any, common: any, proof: any, decision: "depose" },
  { log: ["none"], epoch: any, wants: any, common: any, proof: any, decision: "snapshotBehind" },
  { log: any, epoch: any, wants: ["snapshot"], common: any, proof: any, decision: "snapshotDiverged" },
  { log: any, epoch: any, wants: any, common: ["removed", "none"], proof: any, decision: "snapshotBehind" },
  { log: any, epoch: any, wants: any, common: ["kept"], proof: ["bad"], decision: "snapshotDiverged" },
  { log: any, epoch: any, wants: any, common: ["kept"], proof: ["ok", "theirs"], decision: "stream" }
]

/** The replica's side, first match wins. */
export const welcomeTable: ReadonlyArray<Pattern<WelcomeFinding> & { readonly decision: WelcomeDecision }> = [
  { point: ["after"], proof: any, loses: any, decision: "askAgain" },
  { point: any, proof: ["bad"], loses: any, decision: "askSnapshot" },
  { point: ["end"], proof: ["ok"], loses: any, decision: "stream" },
  { point: ["inside"], proof: ["ok"], loses: ["committed"], decision: "askSnapshot" },
  { point: ["inside"], proof: ["ok"], loses: ["uncommitted"], decision: "cut" }
]

const decideBy = <F extends object, D>(
  table: ReadonlyArray<Pattern<F> & { readonly decision: D }>,
  finding: F
): D => {
  const keys = Object.keys(finding) as Array<keyof F>
  const rule = table.find((r) =>
    keys.every((key) => {
      const wanted = r[key] as ReadonlyArray<F[keyof F]> | "any"
      return wanted === any || wanted.includes(finding[key])
    })
  )
  if (rule === undefined) throw new Error(`the handshake table has no rule for ${JSON.stringify(finding)}`)
  return rule.decision
}

/** The primary's decision about a hello. */
export const decideHello = (finding: HelloFinding): HelloDecision => decideBy(helloTable, finding)

/** The replica's decision about a welcome. */
export const decideWelcome = (finding: WelcomeFinding): WelcomeDecision => decideBy(welcomeTable, finding)

/** Where a point is, against the end of a log. */
export const placeOf = (point: LogPoint, end: LogPoint): WelcomeFinding["point"] => {
  const order = comparePlaces(point, end)
  return order === 0 ? "end" : order < 0 ? "inside" : "after"
}
