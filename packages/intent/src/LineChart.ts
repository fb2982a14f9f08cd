/** A chart of lines as SVG text, legible on light and dark pages. Not exported from the package. */

/** A point in the units of the axes. */
export type Point = readonly [x: number, y: number]

/** A line with a name. */
export interface Series {
  readonly name: string
  readonly points: ReadonlyArray<Point>
}

/** What to draw. */
export interface LineChart {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly xRange: readonly [from: number, to: number]
  readonly yRange: readonly [from: number, to: number]
  readonly series: ReadonlyArray<Series>
  /** A dashed line from corner to corner: what a model without a clue, or a perfect calibration, gives. */
  readonly diagonal?: boolean
  /** Marks each point. */
  readonly marked?: boolean
}

const width = 760
const height = 440
const left = 64
const right = 240
const top = 44
const bottom = 56
const plotWidth = width - left - right
const plotHeight = height - top - bottom

/** Okabe and Ito's colours, which colour-blind people can tell apart. */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b8a500"]
/** Beyond the colours, and for print: lines differ by dashes too. */
const dashes = ["", "7 3", "2 3", "9 3 2 3"]

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

/** Up to about six round numbers that divide a range: steps of 1, 2 or 5 times a power of ten. */
export const ticks = (from: number, to: number): ReadonlyArray<number> => {
  const span = to - from
  if (!(span > 0)) return [from]
  let step = 1
  while (step * 10 <= span / 6) step *= 10
  while (step > span / 6) step /= 10
  const round = [1, 2, 5, 10].map((factor) => factor * step).find((size) => span / size <= 6) ?? step
  const digits = Math.max(0, Math.ceil(-Math.log10(round) + 1e-9))
  const first = Math.ceil(from / round - 1e-9)
  const last = Math.floor(to / round + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * round).toFixed(digits)))
}

/** Draws a chart: a whole SVG document. Equal charts have equal texts. */
export const draw = (chart: LineChart): string => {
  const { xRange, yRange } = chart
  const place = (value: number, [from, to]: readonly [number, number]) =>
    to === from ? 0 : (Math.min(Math.max(value, Math.min(from, to)), Math.max(from, to)) - from) / (to - from)
  const x = (value: number) => (left + plotWidth * place(value, xRange)).toFixed(1)
  const y = (value: number) => (top + plotHeight * (1 - place(value, yRange))).toFixed(1)
  const text = (
    at: { readonly x: number | string; readonly y: number | string },
    content: string,
    more = ""
  ) => `<text x="${at.x}" y="${at.y}"${more}>${escaped(content)}</text>`
  const grid = [
    ...ticks(...xRange).map(
      (tick) =>
        `<line class="grid" x1="${x(tick)}" y1="${top}" x2="${x(tick)}" y2="${top + plotHeight}"/>` +
        text({ x: x(tick), y: top + plotHeight + 18 }, String(tick), ' text-anchor="middle"')
    ),
    ...ticks(...yRange).map(
      (tick) =>
        `<line class="grid" x1="${left}" y1="${y(tick)}" x2="${left + plotWidth}" y2="${y(tick)}"/>` +
        text({ x: left - 8, y: Number(y(tick)) + 4 }, String(tick), ' text-anchor="end"')
    )
  ]
  const lines = chart.series.flatMap(({ name, points }, i) => {
    const colour = colours[i % colours.length]
    const dash = dashes[Math.floor(i / colours.length) % dashes.length]
    const style = `stroke="${colour}"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`
    const legendY = top + 14 + i * 20
    const path = points.map(([px, py]) => `${x(px)},${y(py)}`).join(" ")
    const marks =
      chart.marked === true
        ? points.map(([px, py]) => `<circle cx="${x(px)}" cy="${y(py)}" r="3" fill="${colour}"/>`)
        : []
    return [
      `<polyline fill="none" stroke-width="2" ${style} points="${path}"/>`,
      ...marks,
      `<line stroke-width="3" ${style} x1="${left + plotWidth + 16}" y1="${legendY - 4}" x2="${left + plotWidth + 40}" y2="${legendY - 4}"/>`,
      text({ x: left + plotWidth + 46, y: legendY }, name)
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(chart.title)}">`,
    "<style>text{font:13px system-ui,sans-serif;fill:#222}.grid{stroke:#ddd}.axis{stroke:#888;fill:none}.back{fill:#fff}",
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.back{fill:#1b1b1b}}</style>",
    `<rect class="back" width="${width}" height="${height}"/>`,
    text({ x: left, y: 24 }, chart.title, ' font-weight="bold" style="font-size:16px"'),
    ...grid,
    `<rect class="axis" x="${left}" y="${top}" width="${plotWidth}" height="${plotHeight}"/>`,
    ...(chart.diagonal === true
      ? [
          `<line stroke="#888" stroke-dasharray="4 4" x1="${left}" y1="${top + plotHeight}" x2="${left + plotWidth}" y2="${top}"/>`
        ]
      : []),
    ...lines,
    text({ x: left + plotWidth / 2, y: height - 14 }, chart.xLabel, ' text-anchor="middle"'),
    text(
      { x: 0, y: 0 },
      chart.yLabel,
      ` text-anchor="middle" transform="translate(18 ${top + plotHeight / 2}) rotate(-90)"`
    ),
    "</svg>",
    ""
  ].join("\n")
}
