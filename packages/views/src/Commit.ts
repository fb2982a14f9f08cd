import type { Headers, TopicRecord } from "@troupe/broker"
import * as Sha256 from "./Sha256.ts"

/** Largest payload of a commit, in bytes; a chunk with more output is committed in several records. */
export const payloadBytesMax = 512 * 1024

/** Chain of a partition that has no commit yet. */
export const chainStart = ""

/**
 * One output record is one commit. Its header says which input it answers, so that a restart knows where to go on
 * and folds the very same chunks again.
 */
export interface Commit {
  /** Digest of the view that wrote it. */
  readonly digest: string
  /** Last input sequence of the chunk that was folded. */
  readonly inSequence: number
  /** Input records of the partition folded up to and including `inSequence`. */
  readonly records: number
  /** Outputs in this record. */
  readonly n: number
  /** Outputs of the partition up to and including this record. */
  readonly outputs: number
  /** 1 … `parts`: a chunk whose outputs do not fit into one payload has several records, the same `inSequence` in all of them. */
  readonly part: number
  readonly parts: number
  /** Ends of the chunks without outputs that were folded since the commit before. */
  readonly cuts: ReadonlyArray<number>
  /** SHA-256 over the chain before, `inSequence`, `part` and the payload: one value for the whole history of the partition. */
  readonly chain: string
}

/** The chain after a commit. */
export const chainAfter = (chain: string, inSequence: number, part: number, payload: Uint8Array): string =>
  Sha256.hex(`${chain} ${inSequence} ${part} `, payload)

/** The headers of a commit's record. */
export const toHeaders = (view: string, commit: Commit): Headers => ({
  view,
  "view-digest": commit.digest,
  in: String(commit.inSequence),
  records: String(commit.records),
  n: String(commit.n),
  outputs: String(commit.outputs),
  part: `${commit.part}/${commit.parts}`,
  ...(commit.cuts.length === 0 ? {} : { cuts: commit.cuts.join(",") }),
  chain: commit.chain
})

/** The id under which a commit is appended: the same after a crash, and never the same for another history. */
export const messageId = (view: string, partition: number, commit: Commit): string =>
  `${view}:${partition}:${commit.inSequence}:${commit.chain.slice(0, 16)}`

/** The commit that a record of an output topic holds; `undefined` for a record that no view wrote. */
export const ofRecord = (record: TopicRecord): Commit | undefined => {
  const { headers } = record
  const [part, parts] = (headers["part"] ?? "").split("/").map(Number)
  const inSequence = Number(headers["in"])
  const records = Number(headers["records"])
  const n = Number(headers["n"])
  const outputs = Number(headers["outputs"])
  const { chain, "view-digest": digest } = headers
  const whole = [inSequence, records, n, outputs, part, parts].every((value) => Number.isSafeInteger(value))
  if (!whole || chain === undefined || digest === undefined || part === undefined || parts === undefined) {
    return undefined
  }
  const cuts = headers["cuts"] === undefined ? [] : headers["cuts"].split(",").map(Number)
  return { digest, inSequence, records, n, outputs, part, parts, cuts, chain }
}
