import { effect } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import type { LaneName } from "../src/LaneEvent.ts"
import { lanes } from "./store.ts"

/** The least that the chart shows, in seconds. */
const secondsMin = 30

/** The lane's median and slowest answers over the last minutes, in milliseconds. */
export const AnswerChart = ({ lane }: { lane: LaneName }) => {
  const host = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = host.current
    if (element === null) return undefined
    const style = getComputedStyle(element)
    const axis = {
      stroke: style.getPropertyValue("--quiet"),
      grid: { stroke: style.getPropertyValue("--line"), width: 1 }
    }
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: 150,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          // Of a single point uPlot would show years, of none 1970.
          x: {
            range: ({ data: [times] }) => {
              const end = times.at(-1) ?? Date.now() / 1000
              return [Math.min(times[0] ?? end, end - secondsMin), end]
            }
          },
          y: { range: (_, __, max) => [0, Math.max(50, max * 1.1)] }
        },
        axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => `${tick} ms`) }],
        series: [
          {},
          { label: "p50", stroke: style.getPropertyValue("--step"), width: 2 },
          { label: "p99", stroke: style.getPropertyValue("--bad"), width: 1 }
        ]
      },
      [[], [], []],
      element
    )
    const stop = effect(() => {
      const { at, p50, p99 } = lanes[lane].answers.value
      plot.setData([[...at], [...p50], [...p99]])
    })
    return () => {
      stop()
      plot.destroy()
    }
  }, [lane])
  return <div ref={host} />
}
