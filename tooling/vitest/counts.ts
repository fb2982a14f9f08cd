/**
 * How many seeds, kills or runs a test makes: `quick` in `verify`, `long` in `npm run verify:long` (`TROUPE_LONG=1`).
 * The same test, fewer seeds.
 */
export const count = (counts: { readonly quick: number; readonly long: number }): number =>
  process.env["TROUPE_LONG"] === "1" ? counts.long : counts.quick

/** The seed a seeded test begins at: `TROUPE_SEED`, else 1. A failing test prints the seed that failed. */
export const firstSeed = (): number => Number(process.env["TROUPE_SEED"] ?? 1)

/** How long a test may take, in milliseconds: `quick` in `verify`, half an hour where every count is run. A slow machine is no failure; a hang is. */
export const patience = (quick: number): number => (process.env["TROUPE_LONG"] === "1" ? 1_800_000 : quick)
