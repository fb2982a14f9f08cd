import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { SubjectFilter } from "../src/log.ts"
import {
  LogCorrupt,
  LogFailed,
  openLog,
  openLogReadOnly,
  type PromiseLog,
  type PromiseLogOptions
} from "../src/log-promise.ts"
import { lineOf, linesIn, recordOf } from "./sim-log.ts"

let directory = ""
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "troupe-promise-")), "log")
})
afterEach(() => rmSync(join(directory, ".."), { recursive: true }))

const failureOf = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail("it did not fail")
}

const withPromiseLog = async (
  options: Omit<PromiseLogOptions, "directory">,
  use: (log: PromiseLog) => Promise<void>
) => {
  const log = await openLog({ directory, ...options })
  try {
    await use(log)
  } finally {
    await log.close()
  }
}

describe("the Promise face", () => {
  for (const durability of ["memory", "os", "disk"] as const) {
    it(`class ${durability}: appends answer their sequences, many at once, and all of it is there again`, async () => {
      await withPromiseLog({ durability }, async (log) => {
        const sequences = await Promise.all(Array.from({ length: 50 }, (_, i) => log.append(recordOf(i + 1))))
        assert.deepStrictEqual(
          sequences,
          Array.from({ length: 50 }, (_, i) => i + 1)
        )
        assert.strictEqual(await log.appendBatch([recordOf(51), recordOf(52)]), 51)
        assert.strictEqual(await log.appendBatch([]), 53)
        assert.strictEqual(log.appendNow(recordOf(53)), 53)
        await log.durable(53)
        // One that is kept already answers too.
        await log.durable(1)
        await log.flush()
        assert.strictEqual(log.endSequence, 54)
        assert.instanceOf(await failureOf(log.durable(54)), RangeError)
      })
      await withPromiseLog({ durability }, async (log) => {
        assert.strictEqual(linesIn(log).size, 53)
        for (let n = 1; n <= 53; n++) assert.strictEqual(linesIn(log).get(n), lineOf(recordOf(n)))
      })
    })
  }

  it("an append at class disk is not answered before it is synced, and a turn's appends share a sync", async () => {
    await withPromiseLog({ durability: "disk" }, async (log) => {
      let answered = false
      const waiting = log.append(recordOf(1)).then(() => (answered = true))
      await Promise.resolve()
      assert.isFalse(answered)
      assert.strictEqual(log.endSequence, 1)
      await waiting
      assert.strictEqual(log.endSequence, 2)
    })
  })

  it("follow gives what is there and what comes, and ends with the loop", async () => {
    await withPromiseLog({ durability: "os" }, async (log) => {
      await log.append(recordOf(1))
      const seen: Array<number> = []
      const reading = (async () => {
        for await (const batch of log.follow(1)) {
          for (let row = batch.start; row < batch.count; row++) seen.push(batch.sequence(row))
          if (seen.length >= 20) break
        }
      })()
      for (let n = 2; n <= 20; n++) await log.append(recordOf(n))
      await reading
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 20 }, (_, i) => i + 1)
      )
    })
  })

  it("deletes, compaction, rolls and retention with an archive of promises", async () => {
    const archived: Array<string> = []
    const archive = async ({ path }: { readonly path: string }) => {
      await Promise.resolve()
      archived.push(path)
    }
    await withPromiseLog({ durability: "os", segmentBytes: 2000, archive }, async (log) => {
      for (let n = 1; n <= 100; n++) await log.append({ ...recordOf(n), key: new Uint8Array([n % 5]) })
      await log.roll()
      log.deleteRecords(100)
      await log.flush()
      const done = await log.compact()
      assert.isAbove(done.records, 90)
      assert.deepStrictEqual([...linesIn(log).keys()], [95, 96, 97, 98, 99])
      await log.append(recordOf(101))
      assert.isAbove((await log.retain({ maxBytes: 0 })).segments, 0)
      assert.strictEqual(archived.length, 1)
      const filter = new SubjectFilter((subject) => subject === "orders.1")
      assert.deepStrictEqual(log.read(101, 1000, filter).flatMap((b) => [...b.select(filter)]).length, 1)
    })
  })

  it("fails with the errors of the log: in use, closed, damaged; and takes a repair of promises", async () => {
    const log = await openLog({ directory, durability: "disk", segmentBytes: 500 })
    const busy = await failureOf(openLog({ directory, durability: "disk" }))
    assert.isTrue(busy instanceof LogFailed && busy.code === "EBUSY")
    for (let n = 1; n <= 20; n++) await log.append(recordOf(n))
    await log.close()
    await log.close()
    const closed = await failureOf(log.append(recordOf(21)))
    assert.isTrue(closed instanceof LogFailed && closed.code === "CLOSED")
    assert.throws(() => log.appendNow(recordOf(21)), LogFailed)
    const first = join(directory, readdirSync(directory).find((name) => name.endsWith(".log")) as string)
    const whole = readFileSync(first)
    const damaged = Buffer.from(whole)
    damaged[100] = (damaged[100] as number) ^ 1
    writeFileSync(first, damaged)
    rmSync(first.replace(".log", ".idx"))
    assert.instanceOf(await failureOf(openLog({ directory, durability: "disk" })), LogCorrupt)
    const fetch = async (range: { readonly from: number; readonly to: number }) =>
      whole.subarray(range.from, range.to)
    await withPromiseLog({ durability: "disk", repair: { fetch } }, async (again) => {
      assert.isAbove(again.recovery.repaired.length, 0)
      assert.strictEqual(linesIn(again).size, 20)
    })
  })

  it("a read-only one beside the writer sees what comes, and ends with its loop", async () => {
    assert.instanceOf(await failureOf(openLogReadOnly({ directory })), LogFailed)
    await using log = await openLog({ directory, durability: "os" })
    await log.append(recordOf(1))
    await using reader = await openLogReadOnly({ directory })
    assert.strictEqual(reader.endSequence, 2)
    assert.isUndefined(reader.damage)
    await log.append(recordOf(2))
    assert.strictEqual(reader.endSequence, 2)
    assert.strictEqual(reader.refresh(), 3)
    const seen: Array<number> = []
    for await (const batch of reader.follow(1, { everyMillis: 1 })) {
      for (let row = batch.start; row < batch.count; row++) seen.push(batch.sequence(row))
      if (seen.length === 2) void log.append(recordOf(3))
      if (seen.length === 3) break
    }
    assert.deepStrictEqual(seen, [1, 2, 3])
    assert.strictEqual(linesIn(reader).size, 3)
  })

  it("`await using` closes it", async () => {
    {
      await using held = await openLog({ directory, durability: "os" })
      await held.append(recordOf(1))
    }
    await using again = await openLog({ directory, durability: "os" })
    assert.strictEqual(again.endSequence, 2)
  })
})
