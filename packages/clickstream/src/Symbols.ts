/**
 * The six symbols of a shopping trajectory, and the names of the actions behind them.
 *
 * Source: Requena, Cassani, Tagliabue, Greco, Lacasa, *Shopper intent prediction from clickstream e-commerce data with
 * minimal browsing information*, Sci Rep 10, 16983 (2020).
 */
import * as Schema from "effect/Schema"

/** What a shopper did; `view` is a plain page view. */
export const Action = Schema.Literals(["view", "detail", "add", "remove", "purchase", "click"])
export type Action = typeof Action.Type

/** An action as a number: 1 view, 2 detail, 3 add, 4 remove, 5 purchase, 6 click. */
export const ShopSymbol = Schema.Literals([1, 2, 3, 4, 5, 6])
export type ShopSymbol = typeof ShopSymbol.Type

/** The action of each symbol; position 0 is symbol 1. */
export const actions: readonly [Action, Action, Action, Action, Action, Action] = [
  "view",
  "detail",
  "add",
  "remove",
  "purchase",
  "click"
]

const symbolOf: Readonly<Record<Action, ShopSymbol>> = {
  view: 1,
  detail: 2,
  add: 3,
  remove: 4,
  purchase: 5,
  click: 6
}

/** The action a symbol stands for. */
export const toAction = (symbol: ShopSymbol): Action => actions[symbol - 1] as Action

/** The symbol of an action. */
export const fromAction = (action: Action): ShopSymbol => symbolOf[action]

/**
 * The symbol of a `product_action` as the data sets write it, where empty means a plain page view (1);
 * `undefined` for any other text, `view` included: the data sets never spell it.
 */
export const fromProductAction = (text: string): ShopSymbol | undefined => {
  switch (text) {
    case "":
      return 1
    case "detail":
      return 2
    case "add":
      return 3
    case "remove":
      return 4
    case "purchase":
      return 5
    case "click":
      return 6
    default:
      return undefined
  }
}
