import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os"

/** Where figures come from, in the words they are printed with. A figure without this says nothing. */
export const environment = (): ReadonlyArray<readonly [string, string]> => [
  ["node", process.version],
  ["cpu", cpus()[0]?.model.trim() ?? "unknown"],
  ["cores", String(availableParallelism())],
  ["memory", `${Math.round(totalmem() / 2 ** 30)} GiB`],
  ["kernel", `${type()} ${release()}`],
  [
    "load",
    loadavg()
      .map((average) => average.toFixed(2))
      .join(" ")
  ]
]
