import { spawnSync } from "node:child_process"
import {
  closeSync,
  createReadStream,
  createWriteStream,
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
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { fileURLToPath } from "node:url"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { type Case, type Contender, type Durability, define, measured, type Rival } from "@troupe/bench"
import { NatsServer } from "@troupe/nats"
import { Log, type LogRecord, SubjectFilter, type WritableLog } from "@troupe/storage/log"
import { openLog, type PromiseLog } from "@troupe/storage/log/promise"
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

/** The same callers with promises, none of them a fiber. */
const promising = (durability: Durability, callers: number, each: (quick: boolean) => number): Contender => {
  const place = directory()
  let log: PromiseLog | undefined
  return {
    durability,
    setup: async () => {
      log = await openLog({ directory: join(place.make(), "log"), durability })
    },
    run: async ({ quick }) => {
      const open = log as PromiseLog
      const rounds = each(quick)
      const begin = performance.now()
      const caller = async (): Promise<void> => {
        for (let i = 0; i < rounds; i++) await open.append(record)
      }
      await Promise.all(Array.from({ length: callers }, caller))
      const rate = ((rounds * callers) / (performance.now() - begin)) * 1000
      await open.retain({ maxBytes: 128 * 1024 * 1024 })
      return measured(rate)
    },
    teardown: async () => {
      await log?.close()
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

const publishedToNats = 100_000

/** An ordered consumer of a NATS server of its own, over the same kind of records. */
const orderedConsumer: Rival = (() => {
  const scope = Scope.makeUnsafe()
  let nats: NatsConnection | undefined
  return {
    name: "ordered consumer of nats.js, local R1",
    durability: "os",
    setup: async () => {
      const { servers } = await Effect.runPromise(Scope.provide(NatsServer.start(), scope))
      const open = await connect({ servers: [...servers] })
      nats = open
      const manager = await jetstreamManager(open)
      await manager.streams.add({ name: "bench", subjects: ["bench.>"], num_replicas: 1 })
      const client = jetstream(open)
      let next = 0
      const lane = async (): Promise<void> => {
        for (let i = next++; i < publishedToNats; i = next++)
          await client.publish(`bench.subject.${i % subjects}`, record.value)
      }
      await Promise.all(Array.from({ length: 256 }, lane))
    },
    run: async () => {
      const consumer = await jetstream(nats as NatsConnection).consumers.get("bench")
      const messages = await consumer.consume()
      let taken = 0
      let bytes = 0
      for await (const message of messages) {
        bytes += message.data.length
        if (++taken === publishedToNats) break
      }
      if (bytes !== taken * valueBytes) throw new Error("bytes are missing")
      return taken
    },
    teardown: async () => {
      await nats?.close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
})()

const passedBytes = 1024 * 1024 * 1024

/** The most memory over idle, in bytes, that a process of its own took while 1 GiB passed through. */
const inOwnProcess = (what: "log" | "streams"): Contender => ({
  durability: "os",
  run: () => {
    const args = ["--conditions=@troupe/source", fileURLToPath(import.meta.url), what]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" })
    if (status !== 0) throw new Error(stderr)
    return measured(Number(stdout) / 1e6)
  }
})

/** Runs in the process of its own: 1 GiB appended, followed to its end, and kept to 256 MiB by retention. */
const passThroughLog = async (over: () => void): Promise<void> => {
  const place = directory()
  await using log = await openLog({ directory: join(place.make(), "log"), durability: "os" })
  const total = passedBytes / valueBytes
  for (let i = 0; i < 20_000; i++) log.appendNow(record)
  await log.flush()
  over()
  let next = log.firstSequence
  for (let i = 20_000; i < total; ) {
    for (const end = Math.min(total, i + 10_000); i < end; i++) log.appendNow(record)
    await log.flush()
    for (let batches = log.lend(next, readBytes); batches.length > 0; batches = log.lend(next, readBytes))
      for (const batch of batches) next = batch.nextSequence
    if (i % 1_000_000 < 10_000) await log.retain({ maxBytes: 256 * 1024 * 1024 })
    over()
  }
  if (next !== log.nextSequence) throw new Error("records are missing")
  place.remove()
}

/** The same bytes through a file with Node's own streams. */
const passThroughStreams = async (over: () => void): Promise<void> => {
  const place = directory()
  const path = join(place.make(), "plain")
  const piece = new Uint8Array(1000 * valueBytes)
  const pieces = function* () {
    for (let i = 0; i < passedBytes / piece.length; i++) {
      over()
      yield piece
    }
  }
  await pipeline(Readable.from(pieces(), { objectMode: false }), createWriteStream(path))
  for await (const _ of createReadStream(path)) over()
  place.remove()
}

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
  {
    case: "64 callers awaiting each append, Promise face",
    unit: "records/s",
    ours: promising("os", 64, (quick) => (quick ? 1000 : 8000)),
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
    case: "sequential read to chunk views, every row looked at",
    unit: "records/s",
    ours: reading(walkRows),
    rival: orderedConsumer
  },
  {
    case: "memory over idle while 1 GiB passes through",
    unit: "MB",
    ours: inOwnProcess("log"),
    rival: { name: "the same bytes through Node's file streams", ...inOwnProcess("streams") }
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let idle = 0
  let most = 0
  const over = (): void => {
    const { rss } = process.memoryUsage()
    if (idle === 0) idle = rss
    most = Math.max(most, rss - idle)
  }
  await (process.argv[2] === "log" ? passThroughLog(over) : passThroughStreams(over))
  process.stdout.write(String(most))
}
