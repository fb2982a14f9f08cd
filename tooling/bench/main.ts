// Runs benches: pnpm bench <name>… [--quick] [--json] [--only TEXT]
//
// A table with its environment goes to stdout. With --json stdout gets one object a line and the environment goes to
// stderr. --quick takes fewer turns and smaller loads: good for a look, not for a figure that is written down. --only
// runs the cases whose name holds the text.
import { globSync } from "node:fs"
import { basename, join } from "node:path"
import { parseArgs } from "node:util"
import type { Bench } from "./Bench.ts"
import { type Comparison, compareAll, rounds } from "./Comparison.ts"
import { environment } from "./Environment.ts"
import * as Report from "./Report.ts"
import { processStopwatch } from "./Stopwatch.ts"

const root = join(import.meta.dirname, "../..")
const files = new Map(
  globSync("packages/*/bench/*.ts", { cwd: root }).map((file) => [basename(file, ".ts"), join(root, file)])
)

const { values, positionals } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string", default: "" }
  },
  allowPositionals: true
})
const unknown = positionals.filter((name) => !files.has(name))
if (positionals.length === 0 || unknown.length > 0) {
  for (const name of unknown) console.error(`There is no bench "${name}".`)
  console.error(
    `Usage: pnpm bench <name>… [--quick] [--json], with one of: ${[...files.keys()].toSorted().join(", ")}`
  )
  process.exit(1)
}

const note = values.json ? console.error : console.log
for (const [name, value] of environment()) note(`${name.padEnd(7)} ${value}`)
note("")

const turn = { quick: values.quick }
for (const name of positionals) {
  const { bench }: { readonly bench: Bench } = await import(files.get(name) ?? name)
  const comparisons: Array<Comparison> = []
  const cases = bench.cases.filter((one) => one.case.includes(values.only))
  if (cases.length === 0) {
    console.error(`bench ${name} has no case with "${values.only}" in its name`)
    process.exit(1)
  }
  for await (const comparison of compareAll(
    { ...bench, cases },
    {
      turn,
      rounds: rounds(turn.quick),
      stopwatch: processStopwatch
    }
  )) {
    if (values.json) console.log(Report.json(comparison))
    else console.error(`${bench.name}: ${comparison.case}, against ${comparison.rivalName}: done`)
    comparisons.push(comparison)
  }
  if (!values.json) console.log(`\n${bench.name}\n\n${Report.table(comparisons)}\n`)
}
