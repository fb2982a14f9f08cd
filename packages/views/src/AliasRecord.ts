/** The value of an alias in the store `view-aliases`: which version readers are told to read, and how it came to that. Pure. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { View } from "./View.ts"

/** A run of a version: what readers need to open its outputs or its served table. */
export const Target = Schema.Struct({
  name: Schema.String,
  version: Schema.Int,
  namespace: Schema.optionalKey(Schema.String),
  digest: Schema.String
})
export type Target = typeof Target.Type

/**
 * What a proof of equality must say: a comparison of everything a version holds with something computed independently of it, such as a batch over
 * the archive, or of all its differences to the version before with what was expected. `Explain.report` and order-free digests are two ways.
 */
export const Evidence = Schema.Struct({
  /** Digest of the view that was compared. */
  digest: Schema.String,
  /** True when everything was compared and nothing was left over. */
  proved: Schema.Boolean,
  /** Source sequence up to which it was compared. */
  through: Schema.Int,
  /** What was left over: unequal rows, or differences that nothing explains. */
  differences: Schema.Int
})
export type Evidence = typeof Evidence.Type

/** Source sequences that two versions have folded. */
export const Positions = Schema.Struct({ from: Schema.Int, to: Schema.Int })
export type Positions = typeof Positions.Type

const State = Schema.Struct({
  format: Schema.Literal(1),
  /** The version to read. */
  current: Target,
  /** The one before it: what a rollback goes back to. */
  previous: Schema.NullOr(Target),
  /** Those before that one, newest first. */
  earlier: Schema.Array(Target),
  change: Schema.Literals(["begin", "promote", "rollback"]),
  /** When this change was made, in ms since 1970 by the clock of who made it. */
  promotedAtMillis: Schema.Int,
  /** Of a promotion: its proof, and how far both versions were. */
  evidence: Schema.NullOr(Evidence),
  positions: Schema.NullOr(Positions),
  /** Names the change: whose it is, where no answer came. */
  id: Schema.String
})

/** What an alias says since one change. */
export type AliasState = typeof State.Type

const Text = Schema.fromJsonString(State)
const encodeJson = Schema.encodeSync(Text)
const decodeJson = Schema.decodeUnknownOption(Text)
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** Targets that can be gone back to. */
const targetsKept = 16

/** The run of a view as a target. */
export const targetOf = (
  view: Pick<View<unknown, unknown>, "name" | "version" | "digest">,
  namespace?: string
): Target => ({
  name: view.name,
  version: view.version,
  digest: view.digest,
  ...(namespace === undefined ? {} : { namespace })
})

/** True for the same run of the same code. */
export const isSame = (a: Target, b: Target): boolean =>
  a.name === b.name && a.version === b.version && a.namespace === b.namespace && a.digest === b.digest

/** Who makes a change, and when. */
export interface Stamp {
  readonly id: string
  readonly promotedAtMillis: number
}

/** An alias that has its first target. */
export const begun = (target: Target, stamp: Stamp): AliasState => ({
  format: 1,
  current: target,
  previous: null,
  earlier: [],
  change: "begin",
  evidence: null,
  positions: null,
  ...stamp
})

/** The target becomes current, and what was current the previous one. */
export const promoted = (
  state: AliasState,
  promotion: { readonly to: Target; readonly evidence: Evidence; readonly positions: Positions },
  stamp: Stamp
): AliasState => ({
  format: 1,
  current: promotion.to,
  previous: state.current,
  earlier: [...(state.previous === null ? [] : [state.previous]), ...state.earlier].slice(0, targetsKept - 2),
  change: "promote",
  evidence: promotion.evidence,
  positions: promotion.positions,
  ...stamp
})

/** The targets are those from before the last promotion; `undefined` where there is none. */
export const rolledBack = (state: AliasState, stamp: Stamp): AliasState | undefined => {
  if (state.previous === null) return undefined
  const [previous = null, ...earlier] = state.earlier
  return {
    format: 1,
    current: state.previous,
    previous,
    earlier,
    change: "rollback",
    evidence: null,
    positions: null,
    ...stamp
  }
}

/** The bytes of a value. Throws for a number that is not whole: what is written can be read. */
export const encode = (state: AliasState): Uint8Array => utf8.encode(encodeJson(state))

/** The value that bytes hold; `undefined` for bytes that `encode` did not make. */
export const decode = (bytes: Uint8Array): AliasState | undefined =>
  Option.getOrUndefined(decodeJson(text.decode(bytes)))
