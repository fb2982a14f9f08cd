import { Subject, type TopicRecord } from "@troupe/broker"
import * as CanonicalJson from "./CanonicalJson.ts"
import type { Codec } from "./Codec.ts"
import * as Sha256 from "./Sha256.ts"

/** What one call of a fold gives back. */
export interface Folded<State, Output> {
  /** The state after the chunk. It may be the same, mutated object: the view never looks at the old one again. */
  readonly state: State
  /** What happened, in order. */
  readonly outputs: ReadonlyArray<Output>
}

/** The parts of a view, as `define` takes them. */
export interface Definition<State, Output> {
  /** `[A-Za-z0-9_-]+`, at most 100 characters. */
  readonly name: string
  /** 1, 2, 3 …: raise it whenever the fold may answer differently. Two versions run side by side. */
  readonly version: number
  /** The state of a partition before its first record. */
  readonly initial: (partition: number) => State
  /**
   * Folds a chunk of one partition's records, in sequence order, into the state: pure, no clock, no randomness.
   *
   * It must not depend on where chunks are cut: folding `a` and then `b` gives the same state and the same outputs, in the same
   * order, as folding `a ++ b` (`ChunkLaw.check` tests it). A throw stops the partition with `FoldFailed`.
   */
  readonly fold: (state: State, chunk: ReadonlyArray<TopicRecord>, partition: number) => Folded<State, Output>
  /** Snapshots of the state. `encode` must not change the state. */
  readonly state: Codec<State>
  /** Outputs as they are stored; the same output must always encode to the same bytes. */
  readonly output: Codec<Output>
  /** Settings that the fold's answers depend on (a gap, a threshold): part of the view's digest. */
  readonly config?: CanonicalJson.Json
  /** Names the code of the fold, e.g. a release or a content hash: part of the view's digest. Default `"1"`. */
  readonly codeVersion?: string
}

/** A versioned, pure fold over the partitions of a topic. Plain data: `Views.run` runs it, `Views.replay` recomputes it. */
export interface View<State, Output> extends Required<Definition<State, Output>> {
  /** `name@version`. */
  readonly id: string
  /**
   * 16 hex digits over name, version, codeVersion and config. Every output and snapshot carries it;
   * one with another digest is never loaded.
   */
  readonly digest: string
}

/** Makes a view. Throws `TypeError` for a name or version that cannot be: a mistake in the program. */
export const define = <State, Output>(definition: Definition<State, Output>): View<State, Output> => {
  const { config = null, codeVersion = "1", name, version } = definition
  if (!Subject.isName(name) || name.length > 100) {
    throw new TypeError(`View.define: the name ${JSON.stringify(name)} is not 1 to 100 of [A-Za-z0-9_-]`)
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new TypeError(`View.define: version ${version} of ${name} is not a whole number of at least 1`)
  }
  const digest = Sha256.ofText(CanonicalJson.stringify({ name, version, codeVersion, config })).slice(0, 16)
  return { ...definition, config, codeVersion, id: `${name}@${version}`, digest }
}

/** Name and version of a view. */
export interface Identity {
  readonly name: string
  readonly version: number
}

/**
 * The topic that a view appends its outputs to: `<name>-v<version>`, or `<name>-v<version>-<namespace>` for a run of its own.
 */
export const outputTopic = (view: Identity, namespace?: string): string =>
  namespace === undefined ? `${view.name}-v${view.version}` : `${view.name}-v${view.version}-${namespace}`

/** The topic that holds a view's snapshots: the output topic's name and `-state`. */
export const stateTopic = (view: Identity, namespace?: string): string =>
  `${outputTopic(view, namespace)}-state`
