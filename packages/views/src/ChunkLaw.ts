import type { TopicRecord } from "@troupe/broker"
import * as Sha256 from "./Sha256.ts"
import type { View } from "./View.ts"

/** The first output at which a fold answered differently because a chunk was cut elsewhere. */
export interface ChunkLawBroken {
  /** Lengths of the chunks that broke it. */
  readonly cuts: ReadonlyArray<number>
  /** Index of the first differing output; -1 when the outputs agree and the final state's bytes differ. */
  readonly output: number
}

/**
 * Checks that a fold does not see where chunks are cut: folds the records whole, then once per list of chunk lengths, and compares
 * outputs in order and the final state, byte by byte. `undefined` means that it holds. Lengths repeat until the records are used up.
 *
 * A view whose fold breaks this law still restarts exactly (committed chunks are folded again as they were cut), but a replay
 * may answer differently from the live run.
 */
export const check = <State, Output>(
  view: View<State, Output>,
  records: ReadonlyArray<TopicRecord>,
  options: { readonly partition: number; readonly cuts: ReadonlyArray<ReadonlyArray<number>> }
): ChunkLawBroken | undefined => {
  const run = (lengths: ReadonlyArray<number>) => {
    const outputs: Array<string> = []
    let state = view.initial(options.partition)
    for (let at = 0, turn = 0; at < records.length; turn++) {
      const length = Math.max(1, lengths[turn % lengths.length] ?? records.length)
      const folded = view.fold(state, records.slice(at, at + length), options.partition)
      state = folded.state
      for (const output of folded.outputs) outputs.push(Sha256.hex(view.output.encode(output)))
      at += length
    }
    return { outputs, state: Sha256.hex(view.state.encode(state)) }
  }
  const whole = run([])
  for (const cuts of options.cuts) {
    const cut = run(cuts)
    const outputs = Math.max(whole.outputs.length, cut.outputs.length)
    for (let output = 0; output < outputs; output++) {
      if (whole.outputs[output] !== cut.outputs[output]) return { cuts, output }
    }
    if (whole.state !== cut.state) return { cuts, output: -1 }
  }
  return undefined
}
