/**
 * The pure core of a partition processor: where chunks are cut, what a fold's outputs become, and whether a second fold of
 * the same input agrees with the commits of the first. It appends nothing itself and takes no clock.
 *
 * Chunks are cut at fixed counts of the partition's records, so a run over records that are there already commits the same bytes however
 * it is read, killed and restarted. Only at the live end, where waiting would delay answers, a chunk ends with what has arrived; its end is
 * then part of the commit, and a restart folds exactly that chunk again.
 */
import type { TopicRecord } from "@troupe/broker"
import * as Commit from "./Commit.ts"
import * as Frames from "./Frames.ts"
import type { View } from "./View.ts"
import {
  FoldFailed,
  InputMissing,
  NotDeterministic,
  OutputTooLarge,
  type ViewErrorReason
} from "./ViewError.ts"

/** How far a partition is. */
export interface Position {
  /** Last input sequence folded; 0 for none. */
  readonly inSequence: number
  /** Input records folded. */
  readonly records: number
  /** Outputs committed. */
  readonly outputs: number
  /** Sequence of the last commit in the output topic; 0 for none. */
  readonly outSequence: number
  /** Digest over all commits. */
  readonly chain: string
  /** Chunks without outputs that were folded and are not in a commit yet. */
  readonly cuts: ReadonlyArray<number>
}

/** Before the first record. */
export const origin: Position = {
  inSequence: 0,
  records: 0,
  outputs: 0,
  outSequence: 0,
  chain: Commit.chainStart,
  cuts: []
}

/** A commit as the output topic holds it. */
export interface Recorded {
  readonly commit: Commit.Commit
  readonly outSequence: number
}

/** A chunk that was folded by an earlier run: fold it again as it was cut, and compare. */
interface Planned {
  readonly inSequence: number
  /** None for a chunk without outputs. */
  readonly parts: ReadonlyArray<Recorded>
}

/** A commit to append. */
export interface Pending {
  readonly commit: Commit.Commit
  readonly payload: Uint8Array
}

/** One chunk was folded; `commits` is what to append now, in order: nothing where an earlier run did, or nothing came out. */
export interface Step {
  readonly _tag: "Step"
  readonly records: number
  readonly commits: ReadonlyArray<Pending>
}

/** Where chunks are cut. */
export interface Cutting {
  readonly chunkRecords: number
  readonly chunkBytes: number
}

/** A partition's fold in progress. */
export interface PartitionFold {
  /** Buffers records in sequence order; those that were folded or buffered already are skipped. */
  readonly offer: (records: ReadonlyArray<TopicRecord>) => void
  /**
   * Folds the next chunk, if one is full; with `ended`, what is buffered is a chunk however short.
   * After a `Step` call `committed` for each of its commits, then `take` again. A reason means: stop for good.
   */
  readonly take: (ended: boolean) => Step | ViewErrorReason | undefined
  /** A commit of the last step is stored at this output sequence. */
  readonly committed: (pending: Pending, outSequence: number) => void
  readonly position: () => Position
  /** Buffered records. */
  readonly buffered: () => number
  /** True while chunks of an earlier run are folded again. */
  readonly isReplaying: () => boolean
  /** The state's bytes. Only meaningful between a step's last commit and the next `take`. */
  readonly encodeState: () => Uint8Array | ViewErrorReason
}

const cutsMax = 64

const planOf = (recorded: ReadonlyArray<Recorded>, from: Position): Array<Planned> => {
  const plan: Array<Planned> = []
  for (const entry of recorded) {
    const { cuts, inSequence } = entry.commit
    for (const cut of cuts) if (cut > from.inSequence) plan.push({ inSequence: cut, parts: [] })
    const last = plan.at(-1)
    if (last?.inSequence === inSequence) {
      plan[plan.length - 1] = { inSequence, parts: [...last.parts, entry] }
    } else {
      plan.push({ inSequence, parts: [entry] })
    }
  }
  return plan
}

/** Begins at a state and position (`origin`, or a snapshot's) with the commits that the output topic holds after it. */
export const make = <State, Output>(
  view: View<State, Output>,
  partition: number,
  cutting: Cutting,
  start: { readonly state: State; readonly position: Position; readonly recorded: ReadonlyArray<Recorded> }
): PartitionFold => {
  const plan = planOf(start.recorded, start.position)
  let planned = 0
  let state = start.state
  let position = start.position
  let seen = position.inSequence
  let buffer: Array<TopicRecord> = []
  let head = 0
  // Records and bytes of the chunk that is being collected, counted once each.
  let scanned = 0
  let scannedBytes = 0

  /** Index behind the planned chunk's last record, or why it cannot be had. */
  const plannedEnd = (inSequence: number, ended: boolean): number | InputMissing | undefined => {
    const last = buffer.at(-1)
    if (last === undefined || buffer.length === head || last.sequence < inSequence) {
      return ended ? new InputMissing({ inSequence }) : undefined
    }
    let low = head
    let high = buffer.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((buffer[middle]?.sequence ?? 0) < inSequence) low = middle + 1
      else high = middle
    }
    return buffer[low]?.sequence === inSequence ? low + 1 : new InputMissing({ inSequence })
  }

  /** Index behind the live chunk's last record. */
  const liveEnd = (ended: boolean): number | undefined => {
    const full = cutting.chunkRecords - (position.records % cutting.chunkRecords)
    while (scanned < full && head + scanned < buffer.length) {
      scannedBytes += buffer[head + scanned]?.data.length ?? 0
      scanned++
      if (scannedBytes >= cutting.chunkBytes) break
    }
    if (scanned === full || scannedBytes >= cutting.chunkBytes) return head + scanned
    return ended && scanned > 0 ? buffer.length : undefined
  }

  const encodeAll = (outputs: ReadonlyArray<Output>): Array<Uint8Array> => outputs.map(view.output.encode)

  const commitsOf = (
    groups: ReadonlyArray<ReadonlyArray<Uint8Array>>,
    inSequence: number,
    records: number,
    cuts: ReadonlyArray<number>
  ): Array<Pending> => {
    let { chain, outputs } = position
    return groups.map((group, index) => {
      const payload = Frames.join(group)
      const part = index + 1
      chain = Commit.chainAfter(chain, inSequence, part, payload)
      outputs += group.length
      const commit: Commit.Commit = {
        digest: view.digest,
        inSequence,
        records,
        n: group.length,
        outputs,
        part,
        parts: groups.length,
        cuts: part === 1 ? cuts : [],
        chain
      }
      return { commit, payload }
    })
  }

  const advance = (pending: Pending, outSequence: number): void => {
    const { chain, inSequence, outputs, records } = pending.commit
    position = { inSequence, records, outputs, outSequence, chain, cuts: [] }
  }

  const skip = (inSequence: number, records: number): void => {
    position = { ...position, inSequence, records, cuts: [...position.cuts, inSequence] }
  }

  /** Compares what came out with what the earlier run committed; answers what it did not get to commit. */
  const compare = (
    expected: Planned,
    commits: ReadonlyArray<Pending>,
    outputs: number,
    records: number
  ): ReadonlyArray<Pending> | ViewErrorReason => {
    const { inSequence, parts } = expected
    if (parts.length === 0) {
      if (outputs > 0) return new NotDeterministic({ inSequence, outSequence: 0 })
      skip(inSequence, records)
      return []
    }
    for (let index = 0; index < parts.length; index++) {
      const recorded = parts[index]
      const pending = commits[index]
      if (recorded === undefined) continue
      if (recorded.commit.records !== records) return new InputMissing({ inSequence })
      if (pending?.commit.chain !== recorded.commit.chain || recorded.commit.parts !== commits.length) {
        return new NotDeterministic({ inSequence, outSequence: recorded.outSequence })
      }
      advance(pending, recorded.outSequence)
    }
    const missing = commits.slice(parts.length)
    // Only the last chunk of the earlier run may have been cut off between two of its commits.
    if (missing.length > 0 && planned < plan.length)
      return new NotDeterministic({ inSequence, outSequence: 0 })
    return missing
  }

  const fold = (
    chunk: ReadonlyArray<TopicRecord>,
    inSequence: number
  ): Array<Uint8Array> | ViewErrorReason => {
    try {
      const folded = view.fold(state, chunk, partition)
      state = folded.state
      return encodeAll(folded.outputs)
    } catch (defect) {
      return new FoldFailed({ inSequence, defect })
    }
  }

  const take = (ended: boolean): Step | ViewErrorReason | undefined => {
    const expected = plan[planned]
    const end = expected === undefined ? liveEnd(ended) : plannedEnd(expected.inSequence, ended)
    if (typeof end !== "number") return end
    const chunk = buffer.slice(head, end)
    const inSequence = chunk.at(-1)?.sequence ?? 0
    const records = position.records + chunk.length
    const isFull = records % cutting.chunkRecords === 0 || scannedBytes >= cutting.chunkBytes
    head = end
    scanned = 0
    scannedBytes = 0

    const frames = fold(chunk, inSequence)
    if (!Array.isArray(frames)) return frames
    const large = frames.find((frame) => Frames.sizeOf(frame) > Commit.payloadBytesMax)
    if (large !== undefined) {
      return new OutputTooLarge({ bytes: large.length, limit: Commit.payloadBytesMax })
    }
    if (expected === undefined && frames.length === 0 && !isFull && position.cuts.length < cutsMax) {
      skip(inSequence, records)
      return { _tag: "Step", records: chunk.length, commits: [] }
    }
    const groups = Frames.pack(frames, Commit.payloadBytesMax)
    const commits = commitsOf(groups, inSequence, records, position.cuts)
    if (expected === undefined) return { _tag: "Step", records: chunk.length, commits }
    planned++
    const missing = compare(expected, commits, frames.length, records)
    return "_tag" in missing ? missing : { _tag: "Step", records: chunk.length, commits: missing }
  }

  return {
    offer: (records) => {
      if (head > 0) {
        buffer = buffer.slice(head)
        head = 0
      }
      for (const record of records) {
        if (record.sequence <= seen) continue
        seen = record.sequence
        buffer.push(record)
      }
    },
    take,
    committed: advance,
    position: () => position,
    buffered: () => buffer.length - head,
    isReplaying: () => planned < plan.length,
    encodeState: () => {
      try {
        return view.state.encode(state)
      } catch (defect) {
        return new FoldFailed({ inSequence: position.inSequence, defect })
      }
    }
  }
}
