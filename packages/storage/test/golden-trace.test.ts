import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SimFs } from "../src/disk/SimFs.ts"
import { withLog } from "./sim-log.ts"

const record = (n: number) => ({ value: new Uint8Array(40).fill(n), timeMillis: n })

/** What changed the disk, with the directory left out. */
const traceOf = (fs: SimFs): ReadonlyArray<string> =>
  fs.trace.map((line) => line.replaceAll("/data/log/", ""))

describe("the order of writes, syncs and renames is the guarantee: a lost sync shows in this diff", () => {
  it.effect("class disk: make the log, append, roll, seal, remove, close", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      yield* withLog(fs, { durability: "disk", segmentBytes: 200 }, (log) =>
        Effect.gen(function* () {
          yield* log.durable(log.append(record(1)))
          yield* log.durable(log.append(record(2)))
          yield* log.durable(log.append(record(3)))
          yield* log.retain({ below: 3 })
        })
      )
      assert.deepStrictEqual(traceOf(fs), [
        // The directory and its name, from the top.
        "mkdir /data",
        "syncDirectory /",
        "mkdir /data/log",
        "syncDirectory /data",
        "syncDirectory /data/log",
        // The first segment appears whole or not at all.
        "create 00000000000000000001.log.tmp",
        "write 00000000000000000001.log.tmp 0+64",
        "sync 00000000000000000001.log.tmp",
        "rename 00000000000000000001.log.tmp 00000000000000000001.log",
        "syncDirectory /data/log",
        // Two records, each answered after its sync; the file grows ahead, so that the sync need not write its size.
        "truncate 00000000000000000001.log 200",
        "write 00000000000000000001.log 64+112",
        "syncData 00000000000000000001.log",
        "syncData done 00000000000000000001.log",
        "write 00000000000000000001.log 176+112",
        // Full: the next segment first, not synced; off the thread the old one, the header and the name of the next, then the
        // old one is sealed, then the answer.
        "create 00000000000000000003.log.tmp",
        "write 00000000000000000003.log.tmp 0+64",
        "rename 00000000000000000003.log.tmp 00000000000000000003.log",
        "syncData 00000000000000000001.log",
        "syncData done 00000000000000000001.log",
        "syncData 00000000000000000003.log",
        "syncData done 00000000000000000003.log",
        "syncDirectory /data/log",
        "create 00000000000000000001.idx.tmp",
        "write 00000000000000000001.idx.tmp 0+108",
        "syncData 00000000000000000001.idx.tmp",
        "syncData done 00000000000000000001.idx.tmp",
        "rename 00000000000000000001.idx.tmp 00000000000000000001.idx",
        "syncDirectory /data/log",
        "syncData 00000000000000000003.log",
        "syncData done 00000000000000000003.log",
        "truncate 00000000000000000003.log 200",
        "write 00000000000000000003.log 64+112",
        "syncData 00000000000000000003.log",
        "syncData done 00000000000000000003.log",
        // Retention.
        "remove 00000000000000000001.log",
        "remove 00000000000000000001.idx",
        "syncDirectory /data/log",
        // Closing: nothing ahead any more, everything synced, then a note that says so, synced too.
        "truncate 00000000000000000003.log 176",
        "sync 00000000000000000003.log",
        "write 00000000000000000003.log 176+64",
        "sync 00000000000000000003.log"
      ])
    })
  )

  it.effect("compaction: three full segments become one, and what is deleted is kept beside it", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      const key = new Uint8Array([7])
      yield* withLog(fs, { durability: "disk", segmentBytes: 200 }, (log) =>
        Effect.gen(function* () {
          for (let n = 1; n <= 4; n++) yield* log.durable(log.append({ ...record(n), key }))
          yield* log.durable(log.append(record(5)))
          const before = fs.trace.length
          log.deleteRecords(5)
          yield* log.compact()
          assert.deepStrictEqual(traceOf(fs).slice(before), [
            // What is deleted so far is synced first: a delete that is carried out must not be lost with its note.
            // Its segment is full by that: the next one, then the seal, then the deletes that the sealed ones note.
            "write 00000000000000000005.log 176+88",
            "create 00000000000000000006.log.tmp",
            "write 00000000000000000006.log.tmp 0+64",
            "rename 00000000000000000006.log.tmp 00000000000000000006.log",
            "syncData 00000000000000000005.log",
            "syncData done 00000000000000000005.log",
            "syncData 00000000000000000006.log",
            "syncData done 00000000000000000006.log",
            "syncDirectory /data/log",
            "create 00000000000000000005.idx.tmp",
            "write 00000000000000000005.idx.tmp 0+108",
            "syncData 00000000000000000005.idx.tmp",
            "syncData done 00000000000000000005.idx.tmp",
            "rename 00000000000000000005.idx.tmp 00000000000000000005.idx",
            "syncDirectory /data/log",
            "create log.state.tmp",
            "write log.state.tmp 0+64",
            "sync log.state.tmp",
            "rename log.state.tmp log.state",
            "syncDirectory /data/log",
            "syncData 00000000000000000006.log",
            "syncData done 00000000000000000006.log",
            // What is kept of all three, aside; synced; in the place of the first.
            "create 00000000000000000001.log.tmp",
            "write 00000000000000000001.log.tmp 0+64",
            "write 00000000000000000001.log.tmp 64+128",
            "syncData 00000000000000000001.log.tmp",
            "syncData done 00000000000000000001.log.tmp",
            "rename 00000000000000000001.log.tmp 00000000000000000001.log",
            "syncDirectory /data/log",
            "create 00000000000000000001.idx.tmp",
            "write 00000000000000000001.idx.tmp 0+112",
            "sync 00000000000000000001.idx.tmp",
            "rename 00000000000000000001.idx.tmp 00000000000000000001.idx",
            "syncDirectory /data/log",
            // Only now the others.
            "remove 00000000000000000003.log",
            "remove 00000000000000000003.idx",
            "remove 00000000000000000005.log",
            "remove 00000000000000000005.idx",
            "syncDirectory /data/log",
            // How far the log is clean, and that nothing is deleted but not gone.
            "create log.state.tmp",
            "write log.state.tmp 0+64",
            "sync log.state.tmp",
            "rename log.state.tmp log.state",
            "syncDirectory /data/log"
          ])
        })
      )
    })
  )

  it.effect("class os: one write a batch, and no sync until the log is closed", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      const made = yield* withLog(fs, { durability: "os" }, (log) =>
        Effect.gen(function* () {
          const before = fs.trace.length
          for (let n = 1; n <= 100; n++) log.append(record(n))
          yield* log.flush
          yield* log.durable(log.append(record(101)))
          return traceOf(fs).slice(before)
        })
      )
      assert.deepStrictEqual(made, [
        "write 00000000000000000001.log 64+4864",
        "write 00000000000000000001.log 4928+112"
      ])
    })
  )

  it.effect("opening a log with a torn end: cut, synced, and only then written to", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      yield* withLog(fs, { durability: "disk" }, (log) => log.durable(log.append(record(1))))
      const path = "/data/log/00000000000000000001.log"
      const bytes = fs.files().get(path) as Uint8Array
      const torn = fs.clone(1)
      torn.put(path, new Uint8Array([...bytes, 1, 2, 3]))
      yield* withLog(torn, { durability: "disk" }, (log) =>
        Effect.sync(() => {
          assert.deepStrictEqual(log.recovery.cut, { file: path, from: bytes.length, bytes: 3, copies: [] })
        })
      )
      assert.deepStrictEqual(traceOf(torn), [
        `truncate 00000000000000000001.log ${bytes.length}`,
        "sync 00000000000000000001.log",
        "sync 00000000000000000001.log",
        "syncDirectory /data/log",
        "sync 00000000000000000001.log"
      ])
    })
  )
})
