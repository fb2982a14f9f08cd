import { hasServer } from "@troupe/nats/testing"
import { assert, describe, it } from "vitest"
import * as Orders from "./OrdersProcess.ts"

const brokers = ["memory", "embedded", ...(hasServer ? ["nats"] : [])]
const orders = 60

type Mode = Readonly<Record<string, number>> & { readonly rejected: Readonly<Record<string, number>> }
interface Report {
  readonly broker: string
  readonly durability: string
  readonly digest: string
  readonly modes: { readonly sync: Mode; readonly queued: Mode }
}

const tell = async (broker: string, ...args: ReadonlyArray<string>): Promise<Report> => {
  const common = ["--once", "--json", "--orders", String(orders), "--speed", "2"]
  const { code, stderr, stdout } = await Orders.start(...common, "--broker", broker, ...args).ended
  assert.strictEqual(code, 0, stderr)
  assert.strictEqual(stdout.trimEnd().split("\n").length, 1)
  return JSON.parse(stdout) as Report
}

const rejected = (mode: Mode) => Object.values(mode.rejected).reduce((sum, count) => sum + count, 0)

describe("the story", () => {
  it("refuses orders in the synchronous lane and loses none in the queued one, with equal outcomes on every broker", async () => {
    const reports: Array<Report> = []
    for (const broker of brokers) reports.push(await tell(broker))
    for (const [i, { broker, durability, modes }] of reports.entries()) {
      assert.strictEqual(broker, brokers[i])
      assert.strictEqual(durability, broker === "memory" ? "memory" : "os")
      const { queued, sync } = modes
      assert.strictEqual(sync["refused"], orders / 3)
      assert.strictEqual(sync["accepted"], orders - orders / 3)
      assert.deepInclude(queued, { placed: orders, accepted: orders, refused: 0, lost: 0, chargedTwice: 0 })
      assert.isAbove(rejected(queued), 0)
      assert.strictEqual(queued["shipped"], orders - rejected(queued))
      assert.strictEqual(sync["shipped"], Number(sync["accepted"]) - rejected(sync))
      // A lost answer: the shopper tries again, and only the queued lane knows that it is the same order.
      assert.isAbove(Number(sync["chargedTwice"]), 0)
    }
    assert.strictEqual(new Set(reports.map(({ digest }) => digest)).size, 1)
  }, 60_000)

  it("has other outcomes for another seed", async () => {
    const [one, other] = [await tell("memory", "--seed", "7"), await tell("memory", "--seed", "8")]
    assert.notStrictEqual(one.digest, other.digest)
  })
})
