import { type ChildProcess, fork } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { seeded } from "../../src/disk/SimFs.ts"
import { Ack, overMessages, Primary, promote, Replica } from "../../src/shipping.ts"
import { writtenOf } from "../sim-log.ts"

const text = new TextDecoder()

interface Told {
  readonly acknowledged: Map<number, number>
  readonly reached: (count: number) => Promise<void>
  readonly child: ChildProcess
  readonly exited: Promise<void>
}

/** Starts the child and writes down what it says was acknowledged. */
const start = (directory: string): Told => {
  const child = fork(new URL("./primary-child.ts", import.meta.url), [directory], {
    execArgv: ["--conditions=@troupe/source"],
    serialization: "advanced"
  })
  const acknowledged = new Map<number, number>()
  const waiting: Array<{ readonly count: number; readonly done: () => void }> = []
  child.on("message", (message: { readonly acknowledged?: number; readonly n?: number }) => {
    if (message.acknowledged === undefined) return
    acknowledged.set(message.acknowledged, message.n as number)
    for (const one of waiting) if (acknowledged.size >= one.count) one.done()
  })
  return {
    acknowledged,
    child,
    reached: (wanted) =>
      new Promise((done, failed) => {
        waiting.push({ count: wanted, done })
        child.once("exit", (code) =>
          failed(new Error(`the child ended with ${code} after ${acknowledged.size}`))
        )
      }),
    exited: new Promise((done) => child.once("exit", () => done()))
  }
}

const segments = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory)
      .filter((name) => name.endsWith(".log"))
      .map((name) => [
        name,
        createHash("sha256")
          .update(writtenOf(readFileSync(join(directory, name))))
          .digest("hex")
      ])
  )

/** One life: a primary under load is killed, a replica promoted, the deposed one brought back. */
const life = (seed: number, base: string) =>
  Effect.gen(function* () {
    const random = seeded(seed)
    const told = start(join(base, "primary"))
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => {
        told.child.kill("SIGKILL")
        return told.exited
      })
    )
    const transport = yield* overMessages({
      post: (message) => void (told.child.connected && told.child.send(message)),
      listen: (receive) => {
        told.child.on("message", receive)
        return () => void told.child.off("message", receive)
      }
    })
    const follow = (name: string, directory = name) =>
      Replica.open({ directory: join(base, directory), name, transport, silenceMillis: 200 })
    const one = yield* follow("one")
    const two = yield* follow("two")
    yield* Effect.promise(() => told.reached(50 + Math.floor(random() * 1500)))
    told.child.kill("SIGKILL")
    yield* Effect.promise(() => told.exited)

    const promoted = yield* promote({ candidates: [one, two], replicas: 2, durable: 1 })
    const { log } = promoted
    assert.strictEqual(log.epoch, 2)
    for (const [sequence, n] of told.acknowledged) {
      const found = log.recordAt(sequence)
      const value = found === undefined ? "nothing" : text.decode(found.batch.value(found.row))
      assert.strictEqual(value, `${n} ${"x".repeat(n % 300)}`, `acknowledged record ${sequence}`)
    }
    const common = log.endSequence
    const next = yield* Primary.make({ log, transport, ack: Ack.durable(1), heartbeatMillis: 50 })
    for (let i = 0; i < 5; i++) yield* next.append({ value: new Uint8Array([i]), timeMillis: 1 })

    const back = yield* follow("back", "primary")
    yield* back.caughtUp(log.endSequence)
    const report = yield* back.report
    const ours = segments(join(base, "primary"))
    const theirs = segments(join(base, promoted.name))
    assert.deepStrictEqual(ours, theirs, "the deposed primary is not the same")
    for (const tail of report.lostTails) {
      assert.isAtLeast(tail.fromSequence, common)
      assert.isAbove(tail.bytes, 0)
      for (const copy of tail.copies)
        assert.isTrue(readdirSync(join(base, "primary")).includes(copy.split("/").pop() ?? ""))
    }
    return { acknowledged: told.acknowledged.size, truncated: report.lostTails.length }
  })

describe("a primary killed with SIGKILL under load, acknowledging durable(1)", () => {
  it.live(
    "nothing acknowledged is lost on the promoted replica, and the deposed primary is cut to the common point",
    () =>
      Effect.gen(function* () {
        let acknowledged = 0
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 4, long: 200 }); seed++) {
          const base = mkdtempSync(join(tmpdir(), "troupe-shipping-"))
          const result = yield* Effect.scoped(life(seed, base)).pipe(
            Effect.ensuring(Effect.sync(() => rmSync(base, { recursive: true, force: true }))),
            Effect.onError((cause) => Effect.logError(`TROUPE_SEED=${seed}`, cause))
          )
          acknowledged += result.acknowledged
        }
        assert.isAbove(acknowledged, 100)
      }),
    count({ quick: 60_000, long: 1_800_000 })
  )
})
