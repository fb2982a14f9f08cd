import type { BatchView } from "@troupe/storage/log"

const chunksMax = 4

/** The chunks of a log that were read last, a few, for readers that take a little at a time. */
export class RecentChunks {
  /** The newest first; no chunk is empty. */
  private chunks: Array<ReadonlyArray<BatchView>> = []

  /** The batch that holds this sequence, when a kept chunk does. */
  find(sequence: number): BatchView | undefined {
    for (const batches of this.chunks) {
      const first = batches[0] as BatchView
      const last = batches[batches.length - 1] as BatchView
      if (sequence < first.baseSequence || sequence >= last.nextSequence) continue
      let low = 0
      let high = batches.length - 1
      while (low < high) {
        const middle = (low + high + 1) >>> 1
        if ((batches[middle] as BatchView).baseSequence <= sequence) low = middle
        else high = middle - 1
      }
      return batches[low]
    }
    return undefined
  }

  add(batches: ReadonlyArray<BatchView>): void {
    if (batches.length > 0) this.chunks = [batches, ...this.chunks.slice(0, chunksMax - 1)]
  }
}
