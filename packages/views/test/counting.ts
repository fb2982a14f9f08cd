/** A small view and its input, for the scenario suites. */
import { type AppendRequest, Subject, type Topic, type TopicRecord } from "@troupe/broker"
import * as Effect from "effect/Effect"
import { Codec, type Table, View } from "../src/index.ts"

/** A purchase of a customer, as the input holds it. */
export interface Purchase {
  readonly customer: string
  readonly amount: number
}

/** The customer's totals, said again after every `every`-th purchase. */
export interface Totals {
  readonly customer: string
  readonly purchases: number
  readonly amount: number
}

type State = { [customer: string]: { purchases: number; amount: number } }

const text = new TextDecoder()
const utf8 = new TextEncoder()

export const purchaseOf = (record: TopicRecord): Purchase => JSON.parse(text.decode(record.data))

/** Totals a customer: an output at every `every`-th purchase, so that some chunks have none. */
export const totals = (options: {
  readonly version?: number
  readonly every?: number
  readonly factor?: number
  readonly codeVersion?: string
  readonly padding?: number
}) => {
  const { every = 1, factor = 1, padding = 0, version = 1 } = options
  return View.define<State, Totals>({
    name: "totals",
    version,
    ...(options.codeVersion === undefined ? {} : { codeVersion: options.codeVersion }),
    config: { every },
    initial: () => ({}),
    fold: (state, chunk) => {
      const outputs: Array<Totals> = []
      for (const record of chunk) {
        const { amount, customer } = purchaseOf(record)
        const held = state[customer] ?? { purchases: 0, amount: 0 }
        held.purchases++
        held.amount += amount * factor
        state[customer] = held
        if (held.purchases % every === 0) {
          outputs.push({ customer: customer + "_".repeat(padding), ...held })
        }
      }
      return { state, outputs }
    },
    state: Codec.plainJson(),
    output: Codec.plainJson()
  })
}

export const table: Table.TableSpec<Totals> = {
  key: (output) => output.customer,
  revision: (output) => output.purchases,
  row: ({ amount, purchases }) => ({ amount, purchases })
}

/** The `index`-th purchase of a fixed sequence of 13 customers. */
export const purchase = (index: number): Purchase => ({
  customer: `c${(index * 7 + (index >> 3)) % 13}`,
  amount: 1 + ((index * 31) % 97)
})

export const request = ({ customer, amount }: Purchase, partitions: number): AppendRequest => ({
  subject: `${Subject.partitionSubject(Subject.partitionOf(customer, partitions))}.${customer}`,
  data: utf8.encode(JSON.stringify({ customer, amount }))
})

/** Appends purchases `from` … `to` − 1. */
export const fill = (topic: Topic, partitions: number, from: number, to: number) =>
  Effect.gen(function* () {
    for (let at = from; at < to; at += 500) {
      const indexes = Array.from({ length: Math.min(500, to - at) }, (_, offset) => at + offset)
      yield* topic.appendAll(indexes.map((index) => request(purchase(index), partitions)))
    }
  })

/** The table that purchases 0 … `count` − 1 leave, computed without any of the code under test. */
export const truth = (count: number, every: number): Map<string, { amount: number; purchases: number }> => {
  const rows = new Map<string, { amount: number; purchases: number }>()
  const running = new Map<string, { amount: number; purchases: number }>()
  for (let index = 0; index < count; index++) {
    const { amount, customer } = purchase(index)
    const held = running.get(customer) ?? { amount: 0, purchases: 0 }
    const next = { amount: held.amount + amount, purchases: held.purchases + 1 }
    running.set(customer, next)
    if (next.purchases % every === 0) rows.set(customer, next)
  }
  return rows
}

/** A record that never was in a topic, for tests of pure code. */
export const record = (sequence: number, purchase: Purchase): TopicRecord => ({
  sequence,
  subject: "p.0",
  timeMillis: 0,
  headers: {},
  data: utf8.encode(JSON.stringify(purchase))
})
