/**
 * What models cost an event, live and in training, each beside a raw loop that does the arithmetic it cannot do without:
 * one table look-up and one `Math.exp` for logistic regression, the recurrent matrix times the hidden state for an LSTM
 * (three times that in training).
 */
import { define, measured, type Turn } from "@troupe/bench"
import { Simulator } from "@troupe/clickstream"
import type { InputSymbol } from "../src/InputSymbol.ts"
import { Trajectory } from "../src/index.ts"
import * as Logistic from "../src/Logistic.ts"
import * as Lstm from "../src/Lstm.ts"
import type { Model } from "../src/Model.ts"
import * as Training from "../src/Training.ts"

const loads = (turn: Turn) => {
  const sessions = turn.quick ? 8000 : 40_000
  const set = Trajectory.keep(Trajectory.ofEvents(Simulator.events({ seed: 1, sessions, conversion: 0.05 })))
  const few = set.slice(0, 300)
  return {
    set,
    events: set.reduce((sum, { symbols }) => sum + symbols.length, 0),
    symbols: set.flatMap(({ symbols }): ReadonlyArray<InputSymbol> => symbols).slice(0, 20_000),
    logistic: Training.now(Logistic.train(set)),
    lstm16: Training.now(Lstm.train(few, { hidden: 16, epochs: 1 })),
    lstm32: Training.now(Lstm.train(few, { hidden: 32, epochs: 1 }))
  }
}
let held: ReturnType<typeof loads> | undefined
const load = (turn: Turn) => {
  held ??= loads(turn)
  return held
}
const setup = (turn: Turn): void => {
  load(turn)
}

/** Where results go, so that no engine can leave the work out. */
export let sink = 0
const perEvent = (events: number, work: () => void) => {
  const begun = performance.now()
  work()
  return measured(((performance.now() - begun) * 1000) / events)
}

/** Many open sessions in turns, as they come live: a thousand states, twenty events each. */
const live = (model: Model, turn: Turn, rounds: number) => {
  const { symbols } = load(turn)
  const scorer = model.scorer()
  const states = Array.from({ length: 1000 }, () => scorer.init())
  return perEvent(symbols.length * rounds, () => {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < symbols.length; i++)
        sink += scorer.step(states[i % 1000], symbols[i] as InputSymbol)
    }
  })
}

const lookUps = (turn: Turn, rounds: number) => {
  const { logistic, symbols } = load(turn)
  const margins = new Float64Array(1000)
  return perEvent(symbols.length * rounds, () => {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < symbols.length; i++) {
        const at = i % 1000
        const margin = 0.9 * (margins[at] as number) + (logistic.weights[symbols[i] as number] as number)
        margins[at] = margin
        sink += 1 / (1 + Math.exp(-margin))
      }
    }
  })
}

/** One matrix times vector, row by row, as anyone would write it first. */
const products = (hidden: number, count: number): void => {
  const matrix = new Float32Array(4 * hidden * hidden).fill(0.01)
  const vector = new Float32Array(hidden).fill(0.5)
  const out = new Float32Array(4 * hidden)
  for (let n = 0; n < count; n++) {
    for (let r = 0; r < 4 * hidden; r++) {
      let sum = 0
      for (let k = 0; k < hidden; k++) sum += (matrix[r * hidden + k] as number) * (vector[k] as number)
      out[r] = sum
    }
    vector[n % hidden] = out[n % (4 * hidden)] as number
  }
  sink += out[0] as number
}

const step = (hidden: 16 | 32) => ({
  case: `LSTM-${hidden}, one event`,
  unit: "µs" as const,
  ours: {
    durability: "memory" as const,
    setup,
    run: (turn: Turn) => live(hidden === 16 ? load(turn).lstm16 : load(turn).lstm32, turn, 2)
  },
  rival: {
    name: "raw matrix × vector",
    durability: "memory" as const,
    setup,
    run: () => perEvent(20_000, () => products(hidden, 20_000))
  }
})

const train = (hidden: 16 | 32) => ({
  case: `LSTM-${hidden}, training`,
  unit: "events/s" as const,
  ours: {
    durability: "memory" as const,
    setup,
    run: (turn: Turn) => {
      const { events, set } = load(turn)
      Training.now(Lstm.train(set, { hidden, epochs: 1 }))
      return events
    }
  },
  rival: {
    name: "three raw matrix × vector",
    durability: "memory" as const,
    setup,
    run: (turn: Turn) => {
      products(hidden, 3 * load(turn).events)
      return load(turn).events
    }
  }
})

export const bench = define("intent", [
  {
    case: "logistic regression, one event",
    unit: "µs",
    ours: { durability: "memory", setup, run: (turn) => live(load(turn).logistic, turn, 20) },
    rival: { name: "look-up and Math.exp", durability: "memory", setup, run: (turn) => lookUps(turn, 20) }
  },
  step(16),
  step(32),
  {
    case: "logistic regression, training",
    unit: "events/s",
    ours: {
      durability: "memory",
      setup,
      run: (turn) => {
        Training.now(Logistic.train(load(turn).set))
        return load(turn).events
      }
    },
    rival: {
      name: "one pass of Math.exp",
      durability: "memory",
      setup,
      run: (turn) => {
        for (let i = 0; i < load(turn).events; i++) sink += Math.exp(-i * 1e-6)
        return load(turn).events
      }
    }
  },
  train(16),
  train(32)
])
