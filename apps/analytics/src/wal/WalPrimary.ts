import { Log, type LogRecord } from "@troupe/storage/log"
import { Ack, Archive, overMessages, Primary } from "@troupe/storage/shipping"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as ChildProcess from "../ChildProcess.ts"
import * as Workload from "../storage/Workload.ts"

/** What the primary's process is told to do. */
export interface PrimarySettings {
  /** The log lies in `primary` there, its archive in `archive`. */
  readonly directory: string
  readonly seed: number
  readonly writers: number
  /** Writes of each writer; more than it will live to do. */
  readonly writes: number
}

/** Small files, so that a short run fills and archives several. */
const segmentBytes = 32 * 1024
/** Records that stay in the primary's own files; older full files are archived. */
const recordsKept = 600

const utf8 = new TextEncoder()

/** A write as a record: the same bytes are an event of a stream and a change of a table. */
export const recordOf = ({ key, value }: Workload.Write, timeMillis: number): LogRecord => ({
  subject: key.includes("/like/") ? "likes" : "posts",
  key: utf8.encode(key),
  value: utf8.encode(value ?? ""),
  timeMillis,
  tombstone: value === undefined
})

/** The process says this of each acknowledged record, and now and then of the replicas' lag. */
export type PrimarySaid =
  | { readonly writer: number; readonly index: number; readonly sequence: number }
  | { readonly lagMillisP99: number }

/** Frames and news go over the channel to the process that started this one; the replicas are there. */
const toParent = overMessages({
  post: (message) => {
    process.send?.(message)
  },
  listen: (receive) => {
    process.on("message", receive)
    return () => process.off("message", receive)
  }
})

/**
 * The primary: several writers append, each waiting until one replica has every record on its disk, and say so. Ends by being killed.
 */
export const run = Effect.fn("WalPrimary.run")(function* ({
  directory,
  seed,
  writers,
  writes
}: PrimarySettings) {
  const archive = yield* Archive.toDirectory(`${directory}/archive`)
  const log = yield* Log.open({
    directory: `${directory}/primary`,
    durability: "disk",
    segmentBytes,
    archive
  })
  const primary = yield* Primary.make({
    log,
    transport: yield* toParent,
    ack: Ack.durable(1),
    slots: ["one", "two"]
  })
  const writer = Effect.fnUntraced(function* (index: number) {
    for (const [i, write] of Workload.writes(seed, index, writes).entries()) {
      const sequence = yield* primary.append(recordOf(write, yield* Clock.currentTimeMillis))
      yield* ChildProcess.tell({ writer: index, index: i, sequence } satisfies PrimarySaid)
    }
  })
  const report = Effect.gen(function* () {
    const replicas = yield* primary.replicas
    const lagMillisP99 = Math.max(...replicas.map((replica) => replica.lagMillisP99))
    yield* ChildProcess.tell({ lagMillisP99 } satisfies PrimarySaid)
    yield* log.retain({ below: Math.max(1, log.endSequence - recordsKept) })
  }).pipe(Effect.delay("100 millis"), Effect.forever)
  yield* Effect.raceFirst(
    Effect.forEach(Array.from({ length: writers }), (_, index) => writer(index), {
      concurrency: "unbounded",
      discard: true
    }),
    report
  )
})
