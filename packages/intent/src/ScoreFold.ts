/**
 * The probabilities of a session as a fold over its symbols: what sessions, live and in batch, have in common. Not
 * exported from the package.
 */
import type { Symbols } from "@troupe/clickstream"
import type { Fold } from "@troupe/sessions"
import { isInput } from "./InputSymbol.ts"
import type { Model, Scorer } from "./Model.ts"

/** A session on its way through the models. */
export interface ScoreFolding {
  /** Events before the first purchase. */
  clicks: number
  bought: boolean
  /** Where each model stands. */
  readonly states: ReadonlyArray<unknown>
  /** What each model said after each of the `clicks` events. */
  readonly probabilities: ReadonlyArray<Array<number>>
}

/** What is told of a session as a whole. */
export type SessionScore = {
  /** Events before the first purchase. */
  readonly clicks: number
  readonly bought: boolean
  /** The champion's probability after the last of them; `null` when it stayed silent. */
  readonly champion: number | null
  /** The challenger's. */
  readonly challenger: number | null
}

/** The fold of these models, champion first; they are silent before event `fromClicks`. */
export const make = (
  models: ReadonlyArray<Model>,
  fromClicks: number
): Fold.Fold<Symbols.ShopSymbol, SessionScore, ScoreFolding> => {
  const scorers: ReadonlyArray<Scorer> = models.map((model) => model.scorer())
  return {
    init: () => ({
      clicks: 0,
      bought: false,
      states: scorers.map((scorer) => scorer.init()),
      probabilities: scorers.map(() => [])
    }),
    add: (folding, symbol) => {
      if (folding.bought || !isInput(symbol)) {
        folding.bought = true
        return folding
      }
      folding.clicks++
      for (let i = 0; i < scorers.length; i++) {
        const scorer = scorers[i] as Scorer
        ;(folding.probabilities[i] as Array<number>).push(scorer.step(folding.states[i], symbol))
      }
      return folding
    },
    done: (folding) => ({
      clicks: folding.clicks,
      bought: folding.bought,
      champion: probabilityAt(folding, 0, folding.clicks - 1, fromClicks),
      challenger: probabilityAt(folding, 1, folding.clicks - 1, fromClicks)
    })
  }
}

/** What a model said after the event at `index`; `null` where it is silent, and from the purchase on. */
export const probabilityAt = (
  folding: ScoreFolding,
  model: number,
  index: number,
  fromClicks: number
): number | null => (index + 1 < fromClicks ? null : (folding.probabilities[model]?.[index] ?? null))
