import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { SimFs, seeded } from "../../src/disk/SimFs.ts"
import { Log } from "../../src/log.ts"
import { Incoming } from "../../src/shipping/Incoming.ts"
import { ReplicaLog } from "../../src/shipping/ReplicaLog.ts"
import { readEpochs } from "../../src/shipping/SegmentBoundaries.ts"
import { recordOf } from "../sim-log.ts"

interface Piece {
  readonly segment: number
  readonly bytes: Uint8Array
}

/** The segment files of a log of three epochs. */
const source = (seed: number): Effect.Effect<ReadonlyArray<Piece>, unknown> => {
  const fs = new SimFs(seed)
  return Effect.scoped(
    Effect.gen(function* () {
      const log = yield* Log.open({
        directory: "/p",
        durability: "disk",
        segmentBytes: 1500,
        batchRecords: 6
      })
      const random = seeded(seed)
      for (let n = 1; n < 90; n++) {
        log.append(recordOf(n))
        if (random() < 0.3) yield* log.flush
        if (n === 30 || n === 60) log.beginEpoch(log.epoch + 1)
      }
      yield* log.flush
      return log.raw.segments.map((segment) => ({
        segment: segment.baseSequence,
        bytes: log.raw.bytesAt(segment, 0, segment.size)
      }))
    })
  ).pipe(Effect.provideService(FileSystem, fs))
}

const filesIn = (fs: SimFs): Map<string, Uint8Array> =>
  new Map([...fs.files()].filter(([path]) => path.endsWith(".log")))

/** Sends everything from where the replica is, in pieces of random sizes, with repeats; a sync now and then. */
const feed = (
  log: ReplicaLog,
  pieces: ReadonlyArray<Piece>,
  random: () => number,
  durable?: (s: number) => void
) => {
  if (log.end.segment === 0) log.reset((pieces[0] as Piece).segment, false)
  for (const { segment, bytes } of pieces) {
    if (segment < log.next.segment) continue
    let at = log.next.segment === segment ? log.next.position : 0
    while (at < bytes.length) {
      const end = Math.min(bytes.length, at + 64 + Math.floor(random() * 900))
      const from = Math.max(0, at - (random() < 0.3 ? Math.floor(random() * 300) : 0))
      const taken = log.take({ segment, position: from }, bytes.subarray(from, end))
      assert.strictEqual(taken._tag, "Taken", JSON.stringify(taken))
      at = end
      if (random() < 0.3) {
        log.sync((error) => {
          if (error === undefined) durable?.(log.durable.sequence)
        })
      }
    }
  }
}

/** Runs until it ends or the simulated process dies; any other exception is one. */
const untilDeath = (fs: SimFs, run: () => void): void => {
  try {
    run()
  } catch (error) {
    if (!fs.crashed) throw error
  }
}

const isPrefix = (fs: SimFs, pieces: ReadonlyArray<Piece>): void => {
  for (const [path, bytes] of filesIn(fs)) {
    const piece = pieces.find((p) => path.includes(String(p.segment).padStart(20, "0")))
    assert.isDefined(piece, path)
    assert.isTrue(
      bytes.every((byte, i) => byte === piece?.bytes[i]),
      `R1 ${path} is no prefix`
    )
  }
}

describe("a replica's files", () => {
  it.effect(
    "are the primary's, byte for byte, however the pieces are cut; its epochs are the primary's",
    () =>
      Effect.gen(function* () {
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 20, long: 1000 }); seed++) {
          const pieces = yield* source(seed)
          const fs = new SimFs(seed)
          const log = new ReplicaLog(fs, "/r", 0)
          feed(log, pieces, seeded(seed))
          assert.strictEqual(filesIn(fs).size, pieces.length, `TROUPE_SEED=${seed}`)
          isPrefix(fs, pieces)
          assert.strictEqual(log.end.sequence, 90)
          assert.deepStrictEqual(
            log.epochs().map((e) => e.epoch),
            [0, 1, 2]
          )
          for (const { start } of log.epochs().slice(1)) assert.isTrue(log.has(start))
          assert.isFalse(log.has({ ...log.end, chain: log.end.chain + 1 }))
          log.close()
          const again = new ReplicaLog(fs, "/r", 0)
          assert.deepStrictEqual([again.end, again.epochs()], [log.end, again.epochs()])
          assert.isFalse(again.needsSync)
          again.close()
        }
      })
  )

  it.effect(
    "take nothing that is damaged, forged or out of place: only answers, never an exception, never a byte",
    () =>
      Effect.gen(function* () {
        let unfit = 0
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 300, long: 20_000 }); seed++) {
          const random = seeded(seed)
          const pieces = yield* source(1 + (seed % 3))
          const fs = new SimFs(seed)
          const log = new ReplicaLog(fs, "/r", 0)
          const some = 1 + Math.floor(random() * (pieces.length - 1))
          feed(log, pieces.slice(0, some), random)
          const before = filesIn(fs)
          const target = pieces[Math.floor(random() * pieces.length)] as Piece
          const bytes = target.bytes.slice()
          const at = Math.floor(random() * bytes.length)
          bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8))
          const place = random() < 0.7 ? log.next : { segment: target.segment, position: 0 }
          const taken = log.take(place, bytes)
          if (taken._tag === "Unfit") unfit++
          isPrefix(fs, pieces)
          if (taken._tag !== "Taken") assert.deepStrictEqual(filesIn(fs), before, `TROUPE_SEED=${seed}`)
          // And then the right bytes still fit.
          log.forgetPending()
          feed(log, pieces, seeded(seed))
          isPrefix(fs, pieces)
          assert.strictEqual(log.end.sequence, 90, `TROUPE_SEED=${seed}`)
          log.close()
        }
        assert.isAbove(unfit, 50)
      })
  )

  it.effect(
    "dying at each change of the disk: a prefix, with all that was synced, and it goes on from there",
    () =>
      Effect.gen(function* () {
        let deaths = 0
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 3, long: 60 }); seed++) {
          const pieces = yield* source(seed)
          for (let crashAt = 1; ; crashAt++) {
            const fs = new SimFs(seed, { crashAt })
            let durable = 1
            untilDeath(fs, () => {
              feed(new ReplicaLog(fs, "/r", 0), pieces, seeded(seed), (sequence) => {
                durable = Math.max(durable, sequence)
              })
            })
            yield* Effect.promise(() => Promise.resolve())
            if (!fs.crashed) break
            deaths++
            for (const loss of ["random", "everything", "killed"] as const) {
              const after = loss === "killed" ? fs.processKilled(crashAt) : fs.powerCut(crashAt, loss)
              const log = new ReplicaLog(after, "/r", durable)
              const where = `TROUPE_SEED=${seed}, crash at ${crashAt}, ${loss}`
              isPrefix(after, pieces)
              assert.isAtLeast(log.end.sequence, durable, where)
              feed(log, pieces, seeded(seed + 1))
              assert.strictEqual(log.end.sequence, 90, where)
              log.close()
            }
          }
        }
        assert.isAbove(deaths, 50)
      })
  )

  it.effect(
    "a cut killed at each change of the disk ends, when done again, in the same log, with the tail kept",
    () =>
      Effect.gen(function* () {
        const pieces = yield* source(2)
        const whole = new SimFs(2)
        const log = new ReplicaLog(whole, "/r", 0)
        feed(log, pieces, seeded(2))
        const points = log
          .epochs()
          .slice(1)
          .map((entry) => entry.start)
        log.close()
        const image = whole.clone(1)
        for (const point of points) {
          for (let crashAt = 1; ; crashAt++) {
            const fs = image.clone(1, { crashAt })
            untilDeath(fs, () => {
              const victim = new ReplicaLog(fs, "/r", 0)
              victim.cut(point)
              victim.close()
            })
            const after = fs.crashed ? fs.powerCut(crashAt) : fs.clone(1)
            const again = new ReplicaLog(after, "/r", 0)
            assert.isTrue(again.has(point), `crash at ${crashAt}: the point is gone`)
            again.cut(point)
            assert.deepStrictEqual(again.end, point, `crash at ${crashAt}`)
            assert.isAbove([...after.files().keys()].filter((path) => path.endsWith(".cut")).length, 0)
            isPrefix(after, pieces)
            feed(again, pieces, seeded(1))
            assert.strictEqual(again.end.sequence, 90)
            again.close()
            if (!fs.crashed) break
          }
        }
      })
  )
})

describe("what a replica promised", () => {
  it("outlives a restart: an older primary is told so, and the epoch of a welcome counts before its first batch", () => {
    const fs = new SimFs(1)
    const first = new Incoming(fs, "/r", undefined)
    const point = { segment: 1, position: 0, sequence: 1, chain: 0 }
    const logId = { low: 1, high: 2 }
    first.hello(7)
    first.take({
      _tag: "Welcome",
      logId,
      epoch: 4,
      session: 7,
      decision: 2,
      heartbeatMillis: 200,
      point
    })
    assert.strictEqual(first.epoch, 4)
    const second = new Incoming(fs.powerCut(1, "everything"), "/r", undefined)
    assert.strictEqual(second.epoch, 4)
    assert.isFalse(second.promise(3))
    assert.isTrue(second.promise(6))
    second.hello(8)
    const old = second.take({
      _tag: "Bytes",
      logId,
      epoch: 5,
      session: 8,
      at: { segment: 1, position: 0 },
      endSequence: 2,
      endTimeMillis: 0,
      committed: 0,
      ackReceived: false,
      piece: new Uint8Array(100)
    })
    assert.deepInclude(old as object, { _tag: "Fence", epoch: 6 })
    assert.strictEqual(second.log.end.segment, 0)
  })
})

it.effect("epochs are found by reading the segments in which they change", () =>
  Effect.gen(function* () {
    const pieces = yield* source(5)
    const fs = new SimFs(5)
    const log = new ReplicaLog(fs, "/r", 0)
    feed(log, pieces, seeded(5))
    log.close()
    const read: Array<number> = []
    yield* Effect.scoped(
      Effect.gen(function* () {
        const opened = yield* Log.open({ directory: "/r", durability: "disk" })
        const { bytesAt, segments } = opened.raw
        const table = readEpochs(segments, (segment, at, length) => {
          read.push(segment.baseSequence)
          return bytesAt(segment, at, length)
        })
        assert.deepStrictEqual(
          table.map((entry) => entry.epoch),
          [0, 1, 2]
        )
        assert.isAtMost(new Set(read).size, 2)
        assert.isAbove(segments.length, 4)
      })
    ).pipe(Effect.provideService(FileSystem, fs))
  })
)
