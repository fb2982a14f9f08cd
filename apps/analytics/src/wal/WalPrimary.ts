import { Log, type LogRecord } from "@troupe/storage/log"
import { Ack, Archive, Primary, type Transport } from "@troupe/storage/shipping"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Workload from "../storage/Workload.ts"
import * as Pipe from "./Pipe.ts"

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

const send = (kind: number, name: string, payload: Uint8Array) =>
  Effect.callback<void>((resume) => {
    process.stdout.write(Pipe.encode({ kind, name, payload }), () => resume(Effect.void))
  })

/** The primary's end of the pipe: frames of replicas come in by standard input, frames for them go out by standard output. */
const overStandardPipes: Transport = {
  onPrimary: (receive) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const decode = Pipe.makeDecoder()
        const take = (piece: Uint8Array) => {
          for (const { name, payload } of decode(piece)) Effect.runFork(receive(name, payload))
        }
        process.stdin.on("data", take)
        return take
      }),
      (take) => Effect.sync(() => process.stdin.off("data", take))
    ).pipe(Effect.asVoid),
  toReplica: (name, frame) => send(Pipe.kinds.frame, name, frame),
  onReplica: () => Effect.die(new Error("the replicas are in the process that started this one")),
  toPrimary: () => Effect.die(new Error("the replicas are in the process that started this one"))
}

/**
 * The primary: several writers append, each waiting until one replica has every record on its disk, and say so over the pipe:
 * `<writer> <index> <sequence>`. Ends by being killed.
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
    transport: overStandardPipes,
    ack: Ack.durable(1),
    slots: ["one", "two"]
  })
  const writer = Effect.fnUntraced(function* (index: number) {
    for (const [i, write] of Workload.writes(seed, index, writes).entries()) {
      const sequence = yield* primary.append(recordOf(write, yield* Clock.currentTimeMillis))
      yield* send(Pipe.kinds.acknowledged, "", utf8.encode(`${index} ${i} ${sequence}`))
    }
  })
  const report = Effect.gen(function* () {
    const replicas = yield* primary.replicas
    const lagMillisP99 = Math.max(...replicas.map((replica) => replica.lagMillisP99))
    yield* send(Pipe.kinds.status, "", utf8.encode(JSON.stringify({ lagMillisP99 })))
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
