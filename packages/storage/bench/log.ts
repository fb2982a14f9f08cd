import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { type Case, type Contender, type Durability, define, measured, type Rival } from "@troupe/bench"
import { Log, type LogRecord, SubjectFilter, type WritableLog } from "@troupe/storage/log"
import { ClassicLevel } from "classic-level"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/**
 * The log against the calls that it is made of: what checksums, batches, group commit and views cost and save. And against
 * LevelDB (classic-level) and SQLite where each of many writers waits for the disk.
 */

const valueBytes = 100
const record: LogRecord = { value: new Uint8Array(valueBytes).fill(7), timeMillis: 1_700_000_000_000 }

/** A directory of its own for one contender, removed at the end. */
const directory = () => {
  let path = ""
  return {
    make: () => {
      path = mkdtempSync(join(tmpdir(), "troupe-bench-log-"))
      return path
    },
    remove: () => rmSync(path, { recursive: true })
  }
}

/** A contender over an open log. */
const onLog = (
  durability: Durability,
  run: (log: WritableLog, quick: boolean) => Effect.Effect<number, unknown>,
  prepare: (log: WritableLog) => Effect.Effect<unknown, unknown> = () => Effect.void
): Contender => {
  const place = directory()
  const scope = Scope.makeUnsafe()
  let log: WritableLog | undefined
  return {
    durability,
    setup: async () => {
      const path = join(place.make(), "log")
      log = await Effect.runPromise(Scope.provide(Log.open({ directory: path, durability }), scope))
      await Effect.runPromise(prepare(log))
    },
    run: async ({ quick }) => {
      const begin = performance.now()
      const count = await Effect.runPromise(run(log as WritableLog, quick))
      const rate = (count / (performance.now() - begin)) * 1000
      // Waits for the syncs of full segments, which no class `os` asks for: not the append's time, and not the rival's.
      await Effect.runPromise(trim(log as WritableLog))
      return measured(rate)
    },
    teardown: async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      place.remove()
    }
  }
}

// The last segment, the one that opening has to walk, is nearly full.
const ofKilled = 10_500_000

/** A log of more than ten million records that its writer holds still: what a kill leaves. */
const killed = (visit: (path: string, log: WritableLog) => Effect.Effect<unknown, unknown>): Contender => {
  const place = directory()
  const scope = Scope.makeUnsafe()
  let path = ""
  let log: WritableLog | undefined
  return {
    durability: "os",
    setup: async () => {
      path = join(place.make(), "log")
      const opened = await Effect.runPromise(
        Scope.provide(Log.open({ directory: path, durability: "os" }), scope)
      )
      log = opened
      for (let i = 0; i < ofKilled; i++) opened.append(record)
      // Retention waits until every full segment is sealed, and then has nothing to remove.
      await Effect.runPromise(Effect.andThen(opened.flush, opened.retain({})))
    },
    run: async () => {
      await Effect.runPromise(visit(path, log as WritableLog))
    },
    teardown: async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      place.remove()
    }
  }
}

/** Recovery's look at everything; what it would have to mend is nothing here. */
const survey = (path: string) =>
  Effect.scoped(
    Effect.map(Log.openReadOnly({ directory: path }), ({ endSequence }) => {
      if (endSequence !== ofKilled + 1) throw new Error(`records are missing after ${endSequence}`)
    })
  )

/** Keeps the directory small over many turns, as the rival's file is. */
const trim = (log: WritableLog) => log.retain({ maxBytes: 128 * 1024 * 1024 })

/** A contender over a plain file, written from its beginning in each turn. */
const onFile = (
  name: string,
  durability: Durability,
  run: (file: number, quick: boolean) => number
): Rival => {
  const place = directory()
  let file = -1
  return {
    name,
    durability,
    setup: () => {
      file = openSync(join(place.make(), "plain"), "w+")
    },
    run: ({ quick }) => run(file, quick),
    teardown: () => {
      closeSync(file)
      place.remove()
    }
  }
}

const many = (quick: boolean) => (quick ? 400_000 : 2_000_000)

const rawBatches = (bytes: number): Rival => {
  const ready = new Uint8Array(1024 * bytes).fill(7)
  return onFile("raw writeSync of ready 1024-record buffers", "os", (file, quick) => {
    // Both sides pay for new pages of the file.
    ftruncateSync(file, 0)
    const rounds = Math.ceil(many(quick) / 1024 / (bytes / 100))
    for (let i = 0; i < rounds; i++) writeSync(file, ready, 0, ready.length, i * ready.length)
    return rounds * 1024
  })
}

const appending = (bytes: number): Contender => {
  const one = { ...record, value: new Uint8Array(bytes).fill(7) }
  return onLog("os", (log, quick) =>
    Effect.gen(function* () {
      const count = Math.ceil(many(quick) / (bytes / 100))
      for (let i = 0; i < count; i++) log.append(one)
      yield* log.flush
      return count
    })
  )
}

const writers = (durability: Durability, callers: number, each: (quick: boolean) => number): Contender =>
  onLog(durability, (log, quick) => {
    const rounds = each(quick)
    const caller = Effect.gen(function* () {
      for (let i = 0; i < rounds; i++) yield* log.durable(log.append(record))
    })
    return Effect.as(
      Effect.all(
        Array.from({ length: callers }, () => caller),
        { concurrency: "unbounded", discard: true }
      ),
      rounds * callers
    )
  })

const oneByOne = (durability: "os" | "disk", count: (quick: boolean) => number): Rival =>
  onFile(
    durability === "os" ? "one writeSync a record" : "writeSync + fdatasync a record",
    durability,
    (file, quick) => {
      ftruncateSync(file, 0)
      const total = count(quick)
      for (let i = 0; i < total; i++) {
        writeSync(file, record.value, 0, valueBytes, i * valueBytes)
        if (durability === "disk") fdatasyncSync(file)
      }
      return total
    }
  )

/** LevelDB, whose writers share a sync too. */
const level = (callers: number, each: (quick: boolean) => number): Rival => {
  const place = directory()
  let open: ClassicLevel<Uint8Array, Uint8Array> | undefined
  return {
    name: "classic-level, sync: true",
    durability: "disk",
    setup: async () => {
      open = new ClassicLevel(place.make(), { keyEncoding: "view", valueEncoding: "view" })
      await open.open()
    },
    run: async ({ quick }) => {
      const rounds = each(quick)
      const write = async (caller: number): Promise<void> => {
        for (let i = 0; i < rounds; i++)
          await open?.put(Buffer.from(`${i}`.padStart(8, "0") + caller), record.value, { sync: true })
      }
      await Promise.all(Array.from({ length: callers }, (_, caller) => write(caller)))
      return rounds * callers
    },
    teardown: async () => {
      await open?.close()
      place.remove()
    }
  }
}

/** SQLite, whose one connection commits one writer after the other. */
const sqlite = (count: (quick: boolean) => number): Rival => {
  const place = directory()
  let close = () => {}
  let insert = (_value: Uint8Array): unknown => undefined
  return {
    name: "node:sqlite, WAL, synchronous = FULL",
    durability: "disk",
    setup: () => {
      const database = new DatabaseSync(join(place.make(), "sqlite"))
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
      database.exec("CREATE TABLE log (sequence INTEGER PRIMARY KEY, value BLOB)")
      const statement = database.prepare("INSERT INTO log (value) VALUES (?)")
      insert = (value) => statement.run(value)
      close = () => database.close()
    },
    run: ({ quick }) => {
      const total = count(quick)
      for (let i = 0; i < total; i++) insert(record.value)
      return total
    },
    teardown: () => {
      close()
      place.remove()
    }
  }
}

const readBytes = 1024 * 1024
const stored = 1_000_000
const subjects = 100

/** A million records on a hundred subjects. */
const fill = (log: WritableLog) =>
  Effect.gen(function* () {
    for (let i = 0; i < stored; i++) log.append({ ...record, subject: `subject.${i % subjects}` })
    yield* log.flush
  })

const reading = (visit: (log: WritableLog) => number): Contender =>
  onLog("os", (log) => Effect.sync(() => visit(log)), fill)

const readAll = (log: WritableLog): number => {
  let bytes = 0
  for (let from = log.firstSequence; ; ) {
    const batches = log.lend(from, readBytes)
    const last = batches[batches.length - 1]
    if (last === undefined) return bytes / 1e6
    for (const batch of batches) bytes += batch.bytes.length
    from = last.nextSequence
  }
}

/** Rows that were looked at: every row here is touched, and its value's length summed. */
const walkRows = (log: WritableLog): number => {
  let rows = 0
  let bytes = 0
  for (let from = log.firstSequence; ; ) {
    const batches = log.lend(from, readBytes)
    const last = batches[batches.length - 1]
    if (last === undefined) break
    for (const batch of batches) {
      for (let row = batch.start; row < batch.count; row++) bytes += batch.value(row).length
      rows += batch.count
    }
    from = last.nextSequence
  }
  if (bytes !== rows * valueBytes) throw new Error("bytes are missing")
  return rows
}

const walkSelected = (log: WritableLog): number => {
  const filter = new SubjectFilter((subject) => subject === "subject.42")
  let rows = 0
  let bytes = 0
  let selected = 0
  for (let from = log.firstSequence; ; ) {
    const batches = log.lend(from, readBytes, filter)
    const last = batches[batches.length - 1]
    if (last === undefined) break
    for (const batch of batches) {
      for (const row of batch.select(filter)) {
        bytes += batch.value(row).length
        selected++
      }
      rows += batch.count
    }
    from = last.nextSequence
  }
  if (selected !== rows / subjects || bytes !== selected * valueBytes) throw new Error("rows are missing")
  return rows
}

const rawRead: Rival = (() => {
  const buffer = new Uint8Array(readBytes)
  const total = stored * 110
  let filled = false
  return onFile("raw readSync, hot", "os", (file) => {
    if (!filled) for (let at = 0; at < total; at += readBytes) writeSync(file, buffer, 0, readBytes, at)
    filled = true
    let bytes = 0
    for (let n = readBytes; n > 0; bytes += n) n = readSync(file, buffer, 0, readBytes, bytes)
    return bytes / 1e6
  })
})()

const unfiltered: Rival = { name: "unfiltered read of the same bytes", ...reading(walkRows) }

const cases: ReadonlyArray<Case> = [
  { case: "append, 100 B", unit: "records/s", ours: appending(100), rival: rawBatches(100) },
  { case: "append, 1 KiB", unit: "records/s", ours: appending(1024), rival: rawBatches(1024) },
  {
    case: "awaited batches of 1000",
    unit: "records/s",
    ours: onLog("os", (log, quick) =>
      Effect.gen(function* () {
        const batches = many(quick) / 1000
        const records = Array.from({ length: 1000 }, () => record)
        for (let i = 0; i < batches; i++) yield* log.durable(log.appendBatch(records) + 999)
        return batches * 1000
      })
    ),
    rival: rawBatches(100)
  },
  {
    case: "64 callers awaiting each append, Effect fibers",
    unit: "records/s",
    ours: writers("os", 64, (quick) => (quick ? 1000 : 8000)),
    rival: oneByOne("os", (quick) => (quick ? 64_000 : 256_000))
  },
  ...[64, 1024].map((callers) => ({
    case: `${callers} writers`,
    unit: "records/s" as const,
    ours: writers("disk", callers, (quick) => (quick ? 20 : 100)),
    rival: oneByOne("disk", (quick) => (quick ? 200 : 1000))
  })),
  ...[level(64, (quick) => (quick ? 10 : 100)), sqlite((quick) => (quick ? 200 : 1000))].map((rival) => ({
    case: "64 writers",
    unit: "records/s" as const,
    ours: writers("disk", 64, (quick) => (quick ? 20 : 100)),
    rival
  })),
  {
    case: "one writer",
    unit: "records/s",
    ours: writers("disk", 1, (quick) => (quick ? 200 : 1000)),
    rival: oneByOne("disk", (quick) => (quick ? 200 : 1000))
  },
  {
    case: "sequential read to chunk views, checksums verified",
    unit: "MB/s",
    ours: reading(readAll),
    rival: rawRead
  },
  {
    case: "open after kill, 10.5 M records",
    unit: "ms",
    ours: killed(survey),
    rival: {
      name: "linear scan with checksums",
      ...killed((_path, log) => Effect.sync(() => readAll(log)))
    }
  },
  {
    case: "filtered read, 1 subject of 100",
    unit: "records/s",
    ours: reading(walkSelected),
    rival: unfiltered
  }
]

export const bench = define("log", cases)
