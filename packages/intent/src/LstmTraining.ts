/**
 * Trains an LSTM with some head over the rows of sessions. Not exported from the package.
 *
 * Batches, their order and the first weights follow from the seed, and every sum has one order: the same options give the
 * same bits.
 */
import { Prng } from "@troupe/clickstream"
import * as Adam from "./Adam.ts"
import type { Columns } from "./Columns.ts"
import { bounds, lay, plan, type Rows } from "./LstmBatches.ts"
import type { Head } from "./LstmHead.ts"
import * as LstmTape from "./LstmTape.ts"
import { type LstmWeights, viewsOf } from "./LstmWeights.ts"

/** How to train a net. */
export interface LstmOptions {
  /** Hidden units; a multiple of 4, default 16. */
  readonly hidden?: number
  /** Decides the first weights and the order of the batches; default 1. */
  readonly seed?: number
  /** How often each session is seen; default 8. */
  readonly epochs?: number
  /** Sessions of a batch; default 16. */
  readonly batchSessions?: number
  /** Adam's rate at the beginning, falling to a twentieth along a cosine; default 0.02. */
  readonly rate?: number
  /** Longest gradient of a batch's mean loss; default 5. */
  readonly clip?: number
}

/** What is trained. */
export interface LstmTask {
  readonly columns: Columns
  readonly rows: Rows
  readonly head: Head
  /** Where to begin; changed by the training. */
  readonly weights: LstmWeights
}

/** Rows between two signs of life: some ten milliseconds of work. */
const rowsPerStep = 2048

/** Where a training is: the share done, and the mean loss a row of the epoch so far. */
export interface LstmStep {
  readonly done: number
  readonly loss: number
  /** The epoch that just ended, from 1; 0 within one. */
  readonly epoch: number
}

/** Trains the task's weights in place, so that a caller can look at them when an epoch ends. */
export const train = function* (task: LstmTask, options: LstmOptions): Generator<LstmStep, void, void> {
  const { columns, head, rows, weights } = task
  const { shape } = weights
  const sessions = options.batchSessions ?? 16
  const epochs = options.epochs ?? 8
  const rate = options.rate ?? 0.02
  const gradient = viewsOf(shape, new Float32Array(weights.all.length))
  const size = bounds(columns, sessions, rows)
  const tape = LstmTape.make(shape.hidden, size.rows, size.sessions)
  const adam = Adam.make(weights.all.length, options.clip ?? 5)
  const prng = Prng.make(options.seed ?? 1, 1)
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const batches = plan(columns, { rows, sessions, prng })
    const total = columns.events + (rows === "next" ? columns.sessions : 0)
    // The same for all batches: an event counts the same in a batch of short sessions and in one of long ones.
    const weight = batches.length / Math.max(1, total)
    let loss = 0
    let seen = 0
    let told = 0
    for (const [i, planned] of batches.entries()) {
      const batch = lay(columns, planned, rows)
      LstmTape.forward(weights, tape, batch)
      loss += head(weights, gradient, tape, batch, weight)
      LstmTape.backward(weights, gradient, tape, batch)
      const progress = (epoch - 1 + i / batches.length) / epochs
      adam.step(weights.all, gradient.all, rate * (0.525 + 0.475 * cosine(progress)))
      seen += batch.rows
      if (seen - told < rowsPerStep) continue
      told = seen
      yield { done: progress, loss: loss / seen, epoch: 0 }
    }
    yield { done: epoch / epochs, loss: seen === 0 ? 0 : loss / seen, epoch }
  }
}

/** cos πx for 0 ≤ x ≤ 1, within 1e-4, from products alone: `Math.cos` may differ between engines. (Bhaskara I) */
const cosine = (x: number): number =>
  x <= 0.5 ? (1 - 4 * x * x) / (1 + x * x) : -(1 - 4 * (1 - x) * (1 - x)) / (1 + (1 - x) * (1 - x))
