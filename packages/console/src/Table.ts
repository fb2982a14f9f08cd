/** A table as aligned text: the first column to the left, the others to the right; the first row is the heading. */
export const render = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths: Array<number> = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  const line = (row: ReadonlyArray<string>) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd()
  const [heading = [], ...rest] = rows
  const rule = widths.map((width) => "─".repeat(width)).join("──")
  return [line(heading), rule, ...rest.map(line)].join("\n")
}
