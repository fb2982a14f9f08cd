/** Numbers in [0, n) from a seed. Source: mulberry32, public domain. */
export const dice = (seed: number) => {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  return (n: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n
  }
}
