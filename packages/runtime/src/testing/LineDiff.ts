/**
 * The lines of two texts as one: `-` is only in the first, `+` only in the second, the others are in both.
 *
 * By the longest common subsequence, in time and memory of the product of both lengths: for texts that a person reads.
 */
export const lineDiff = (first: string, second: string): string => {
  const a = first.split("\n")
  const b = second.split("\n")
  // Length of the longest common subsequence of the rest, from line i of `a` and line j of `b` on.
  const width = b.length + 1
  const common = new Uint32Array((a.length + 1) * width)
  const at = (i: number, j: number): number => common[i * width + j] as number
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: Array<string> = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(`  ${a[i++]}`)
      j++
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`- ${a[i++]}`)
    } else {
      lines.push(`+ ${b[j++]}`)
    }
  }
  return lines.join("\n")
}
