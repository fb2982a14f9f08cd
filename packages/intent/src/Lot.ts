import { Prng } from "@troupe/clickstream"

/**
 * A number in [0, 1) that looks random and depends on nothing but the seed and the name.
 *
 * Sets and splits draw by name, so the order of the input does not matter and new names move no old one.
 */
export const lot = (seed: number, name: string): number => {
  let a = Prng.mix(seed >>> 0, Math.floor(seed / 0x1_0000_0000) | 0)
  let b = Prng.mix(a, name.length)
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    a = Prng.mix(a, code)
    b = Prng.mix(b ^ a, code)
  }
  return (Prng.mix(a, b) * 0x20_0000 + (Prng.mix(b, a) >>> 11)) / 0x20_0000_0000_0000
}
