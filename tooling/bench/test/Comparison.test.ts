import { assert, describe, it } from "vitest"
import * as Bench from "../Bench.ts"
import { type Comparison, compareAll, median, rounds } from "../Comparison.ts"
import { json, table } from "../Report.ts"
import type { Stopwatch } from "../Stopwatch.ts"

/** A clock that moves only when a contender says how long its work took. */
class Scripted implements Stopwatch {
  private wall = 0
  private cpu = 0
  readonly wallMillis = () => this.wall
  readonly cpuMillis = () => this.cpu
  pass(wall: number, cpu = wall): void {
    this.wall += wall
    this.cpu += cpu
  }
}

const collect = async (bench: Bench.Bench, stopwatch: Stopwatch, measured: number, warmUp = 0) => {
  const comparisons: Array<Comparison> = []
  const options = { turn: { quick: true }, rounds: { warmUp, measured }, stopwatch }
  for await (const comparison of compareAll(bench, options)) comparisons.push(comparison)
  return comparisons
}

const only = async (subject: Bench.Case, stopwatch: Stopwatch, measured: number, warmUp = 0) => {
  const [comparison] = await collect(Bench.define("bench", [subject]), stopwatch, measured, warmUp)
  assert.isDefined(comparison)
  return comparison
}

/** A contender whose turns take the given times, one after the other. */
const taking = (
  clock: Scripted,
  wall: ReadonlyArray<number>,
  outcome: () => Bench.Outcome
): Bench.Contender => {
  let turn = 0
  return {
    durability: "memory",
    run: () => {
      clock.pass(wall[turn++] ?? Number.NaN, 7)
      return outcome()
    }
  }
}

describe("compareAll", () => {
  it("gives a rate as operations a second, and a ratio above one to the faster", async () => {
    const clock = new Scripted()
    const comparison = await only(
      {
        case: "tell",
        unit: "ops/s",
        ours: taking(clock, [100], () => 5_000),
        rival: { name: "slow", ...taking(clock, [400], () => 5_000) }
      },
      clock,
      1
    )
    assert.strictEqual(comparison.ours.value, 50_000)
    assert.strictEqual(comparison.rival.value, 12_500)
    assert.strictEqual(comparison.ratio, 4)
    assert.deepStrictEqual(comparison.ours, { value: 50_000, wallMillis: 100, cpuMillis: 7 })
  })

  it("gives a time its own unit, and a ratio above one to the shorter", async () => {
    const clock = new Scripted()
    const comparison = await only(
      {
        case: "recover",
        unit: "s",
        ours: taking(clock, [500], () => undefined),
        rival: { name: "slow", ...taking(clock, [2_000], () => undefined) }
      },
      clock,
      1
    )
    assert.strictEqual(comparison.ours.value, 0.5)
    assert.strictEqual(comparison.ratio, 4)
  })

  it("takes a figure that a run has measured itself, and a ratio above one for fewer bytes", async () => {
    const clock = new Scripted()
    const comparison = await only(
      {
        case: "idle actor",
        unit: "bytes",
        ours: taking(clock, [1], () => Bench.measured(200)),
        rival: { name: "large", ...taking(clock, [1], () => Bench.measured(1_500)) }
      },
      clock,
      1
    )
    assert.strictEqual(comparison.ours.value, 200)
    assert.strictEqual(comparison.ratio, 7.5)
  })

  it("takes a rate that a run has measured itself, and a ratio above one for the faster", async () => {
    const clock = new Scripted()
    const comparison = await only(
      {
        case: "activation",
        unit: "actors/s",
        ours: taking(clock, [900], () => Bench.measured(600_000)),
        rival: { name: "slow", ...taking(clock, [1], () => Bench.measured(150_000)) }
      },
      clock,
      1
    )
    assert.strictEqual(comparison.ours.value, 600_000)
    assert.strictEqual(comparison.ratio, 4)
  })

  it("takes the median and the range of neighbouring turns, not of the figures", async () => {
    // The machine is ten times slower in the second round: the figures jump, the ratios do not.
    const clock = new Scripted()
    const comparison = await only(
      {
        case: "drift",
        unit: "ms",
        ours: taking(clock, [10, 100, 10], () => undefined),
        rival: { name: "rival", ...taking(clock, [20, 200, 30], () => undefined) }
      },
      clock,
      3
    )
    assert.strictEqual(comparison.ratio, 2)
    assert.strictEqual(comparison.ratioMin, 2)
    assert.strictEqual(comparison.ratioMax, 3)
  })

  it("interleaves the sides, changes who goes first, and leaves the warm-up out", async () => {
    const clock = new Scripted()
    const order: Array<string> = []
    const side = (name: string): Bench.Contender => ({
      durability: "memory",
      run: () => {
        order.push(name)
        clock.pass(order.length <= 2 ? 1_000 : 10)
      }
    })
    const subject: Bench.Case = {
      case: "order",
      unit: "ms",
      ours: side("ours"),
      rival: { name: "rival", ...side("rival") }
    }
    const comparison = await only(subject, clock, 3, 1)
    assert.deepStrictEqual(order, ["ours", "rival", "rival", "ours", "ours", "rival", "rival", "ours"])
    assert.strictEqual(comparison.ours.value, 10)
    assert.strictEqual(comparison.ratioMax, 1)
  })

  it("waits for asynchronous runs", async () => {
    const clock = new Scripted()
    const side = (wall: number): Bench.Contender => ({
      durability: "disk",
      run: async () => {
        await Promise.resolve()
        clock.pass(wall)
        return 100
      }
    })
    const comparison = await only(
      { case: "append", unit: "records/s", ours: side(10), rival: { name: "rival", ...side(20) } },
      clock,
      2
    )
    assert.strictEqual(comparison.ours.value, 10_000)
    assert.strictEqual(comparison.ratio, 2)
  })

  it("tears down what it set up, in reverse, also when a turn fails", async () => {
    const log: Array<string> = []
    const side = (name: string): Bench.Contender => ({
      durability: "memory",
      setup: ({ quick }) => void log.push(`set up ${name}, quick: ${quick}`),
      run: () => {
        throw new Error("a broken run")
      },
      teardown: async () => void log.push(`tear down ${name}`)
    })
    const bench = Bench.define("bench", [
      { case: "broken", unit: "ms", ours: side("ours"), rival: { name: "rival", ...side("rival") } }
    ])
    const error = await collect(bench, new Scripted(), 1).then(
      () => undefined,
      (cause: Error) => cause
    )
    assert.strictEqual(error?.message, "a broken run")
    assert.deepStrictEqual(log, [
      "set up ours, quick: true",
      "set up rival, quick: true",
      "tear down rival",
      "tear down ours"
    ])
  })

  for (const [what, unit, outcome] of [
    ["a rate without a count", "ops/s", () => undefined],
    ["a time with a count", "ms", () => 5],
    ["bytes that nobody measured", "bytes", () => undefined],
    ["nothing done", "ops/s", () => 0]
  ] as const) {
    it(`refuses ${what}`, async () => {
      const clock = new Scripted()
      const side = () => taking(clock, [10], outcome)
      const bench = Bench.define("bench", [
        { case: "odd", unit, ours: side(), rival: { name: "rival", ...side() } }
      ])
      const error = await collect(bench, clock, 1).then(
        () => undefined,
        (cause: Error) => cause
      )
      assert.match(String(error), /"odd"/)
    })
  }
})

describe("median", () => {
  it("is the middle, or the mean of the two middles", () => {
    assert.strictEqual(median([9, 1, 5]), 5)
    assert.strictEqual(median([9, 1, 5, 7]), 6)
  })
})

describe("rounds", () => {
  it("is odd, so that the median is a turn that happened", () => {
    for (const quick of [true, false]) assert.strictEqual(rounds(quick).measured % 2, 1)
  })
})

describe("Report", () => {
  const comparison: Comparison = {
    bench: "runtime",
    case: "tell",
    unit: "messages/s",
    durability: "memory",
    ours: { value: 2_000_000.4, wallMillis: 50, cpuMillis: 51 },
    rival: { value: 1_000_000, wallMillis: 100, cpuMillis: 102 },
    rivalName: "a raw loop",
    ratio: 2.00001,
    ratioMin: 1.5,
    ratioMax: 2.5
  }

  it("writes one object a line, with the keys that readers of benches rely on", () => {
    assert.strictEqual(
      json(comparison),
      '{"bench":"runtime","case":"tell","ours":2000000,"rival":1000000,"rivalName":"a raw loop",' +
        '"ratio":2,"ratioMin":1.5,"ratioMax":2.5,"unit":"messages/s","durability":"memory"}'
    )
  })

  it("writes a table with wall and CPU time beside the figures", () => {
    const lines = table([comparison]).split("\n")
    assert.strictEqual(lines.length, 3)
    assert.match(
      lines[2] ?? "",
      /\| tell +\| a raw loop +\| memory +\| 2,000,000 +\| 1,000,000 +\| messages\/s +\| 2× +\| 1.5–2.5 +\| 50 \/ 100 +\| 51 \/ 102 +\|/
    )
    assert.strictEqual(new Set(lines.map((line) => line.length)).size, 1)
  })
})
