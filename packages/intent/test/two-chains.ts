/**
 * Shoppers with a known answer: buyers and others walk one first-order chain each, so the probability of a purchase given
 * the first events can be computed exactly, also on condition that the session reaches so many events.
 */
import { type Chain, merchandiseShop, Prng, type ShopperProfile } from "@troupe/clickstream"
import { codes, type InputSymbol, symbols } from "../src/InputSymbol.ts"
import type { Trajectory } from "../src/Trajectory.ts"

const end = 0

/** Sessions of at least `least` events, as many as asked for, with ids and users of their own. */
export const walk = (options: {
  readonly seed: number
  readonly sessions: number
  readonly least: number
  readonly profile?: ShopperProfile
}): ReadonlyArray<Trajectory> => {
  const profile = options.profile ?? merchandiseShop
  const prng = Prng.make(options.seed)
  const made: Array<Trajectory> = []
  for (let i = 0; made.length < options.sessions; i++) {
    const label = prng.next() < profile.conversion ? 1 : 0
    const chain = label === 1 ? profile.buying : profile.browsing
    const walked: Array<InputSymbol> = []
    for (let at = Prng.pick(prng, chain[0]); at !== end; at = Prng.pick(prng, chain[at] as Chain[0])) {
      walked.push(at as InputSymbol)
    }
    if (walked.length < options.least) continue
    made.push({ id: `s${i}`, user: `u${i}`, startMillis: i * 1000, label, symbols: walked })
  }
  return made
}

/** The exact probability after each event that a session of at least `least` events is a buyer's. */
export const posterior = (
  walked: ReadonlyArray<InputSymbol>,
  least: number,
  profile: ShopperProfile = merchandiseShop
): ReadonlyArray<number> => {
  const { conversion } = profile
  const chains = [profile.browsing, profile.buying].map(toShares)
  const surviving = chains.map((chain) => survival(chain, least))
  let likelihoods = [1 - conversion, conversion]
  let before = 0
  return walked.map((symbol, i) => {
    likelihoods = likelihoods.map((likelihood, k) => likelihood * (chains[k]?.[before]?.[symbol] ?? 0))
    before = symbol
    const missing = Math.max(0, least - i - 1)
    const [others, buyers] = likelihoods.map(
      (likelihood, k) => likelihood * (surviving[k]?.[missing]?.[symbol] ?? 0)
    )
    const sum = (likelihoods[0] as number) + (likelihoods[1] as number)
    likelihoods = likelihoods.map((likelihood) => likelihood / sum)
    return (buyers as number) / ((buyers as number) + (others as number))
  })
}

const toShares = (chain: Chain): ReadonlyArray<ReadonlyArray<number>> =>
  chain.map((row) => {
    const sum = row.reduce((total, weight) => total + weight, 0)
    return row.map((weight) => (sum === 0 ? 0 : weight / sum))
  })

/** `[m][s]`: the probability that a walker who is at s makes at least m more events. */
const survival = (chain: ReadonlyArray<ReadonlyArray<number>>, least: number) => {
  const table: Array<Array<number>> = [chain.map(() => 1)]
  for (let m = 1; m <= least; m++) {
    table.push(
      chain.map((row) =>
        symbols.reduce((sum, next) => sum + (row[next] ?? 0) * (table[m - 1]?.[next] ?? 0), 0)
      )
    )
  }
  return table
}

/** The codes of symbols, for tests that look into typed arrays. */
export const toCodes = (walked: ReadonlyArray<InputSymbol>): ReadonlyArray<number> =>
  walked.map((symbol) => codes[symbol] as number)
