import * as Stream from "effect/Stream"
import * as SocialSource from "./SocialSource.ts"

/** Lines that are there from the start: half a day of the feed, so that there is something to ask about. */
export const historyRows = 10_000

/** Lines a second after that, unless somebody says otherwise: an hour of the feed in a quarter of a minute. */
export const defaultPerSecond = 75

/** The live app's feed: seeded and without end; its first lines at once, the others at a pace. The same lines at any pace. */
export const source = (options: {
  readonly seed: number
  readonly perSecond: number
}): SocialSource.Source => {
  const { perSecond, seed } = options
  const feed = SocialSource.feed({ seed })
  const history = SocialSource.until(feed, historyRows)
  const paced = SocialSource.paced(feed, { perSecond })
  return {
    ...feed,
    read: (fromRow) => Stream.concat(history.read(fromRow), paced.read(Math.max(fromRow, historyRows + 1)))
  }
}
