import type { Comparison } from "./Comparison.ts"

const digits = (value: number, precision: number): number => Number(value.toPrecision(precision))

/** One comparison as one line of JSON. */
export const json = ({
  bench,
  ours,
  rival,
  rivalName,
  ratio,
  ratioMin,
  ratioMax,
  unit,
  durability,
  ...rest
}: Comparison): string =>
  JSON.stringify({
    bench,
    case: rest.case,
    ours: digits(ours.value, 6),
    rival: digits(rival.value, 6),
    rivalName,
    ratio: digits(ratio, 4),
    ratioMin: digits(ratioMin, 4),
    ratioMax: digits(ratioMax, 4),
    unit,
    durability
  })

const count = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 })

const header = [
  "case",
  "rival",
  "durability",
  "ours",
  "rival's",
  "unit",
  "ratio",
  "range",
  "wall ms",
  "CPU ms"
]

const row = (comparison: Comparison): ReadonlyArray<string> => {
  const { ours, rival, ratio, ratioMin, ratioMax } = comparison
  return [
    comparison.case,
    comparison.rivalName,
    comparison.durability,
    count.format(ours.value),
    count.format(rival.value),
    comparison.unit,
    `${count.format(ratio)}×`,
    `${count.format(ratioMin)}–${count.format(ratioMax)}`,
    `${count.format(ours.wallMillis)} / ${count.format(rival.wallMillis)}`,
    `${count.format(ours.cpuMillis)} / ${count.format(rival.cpuMillis)}`
  ]
}

/** Comparisons as a Markdown table, aligned for reading as it is. */
export const table = (comparisons: ReadonlyArray<Comparison>): string => {
  const rows = [header, ...comparisons.map(row)]
  const widths = header.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>, fill = " ") =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(" | ")} |`
  const [first = [], ...rest] = rows.map((cells) => line(cells))
  return [
    first,
    line(
      header.map(() => ""),
      "-"
    ),
    ...rest
  ].join("\n")
}
