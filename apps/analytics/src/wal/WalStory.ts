import { Log } from "@troupe/storage/log"
import { Ack, inProcess, Primary, promote, Replica, restore, type Transport } from "@troupe/storage/shipping"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "../ChildProcess.ts"
import * as Workload from "../storage/Workload.ts"
import * as Pipe from "./Pipe.ts"
import { recordOf } from "./WalPrimary.ts"
import type { WalReport } from "./WalReport.ts"

/** The primary's process ended though nobody killed it. */
export class PrimaryDied extends Schema.TaggedError<PrimaryDied>()("PrimaryDied", {
  exitCode: Schema.NullOr(Schema.Int)
}) {
  override get message() {
    return `The primary ended with exit code ${this.exitCode} before it was killed; what it said is above.`
  }
}

/** What the story is told with. */
export interface Settings {
  readonly directory: string
  readonly seed: number
  readonly writers: number
  /** The primary is killed once so many records are acknowledged. */
  readonly killAfter: number
}

const writesMax = 100_000
const text = new TextDecoder()

/** Where each acknowledged write stands. Kept here, outside every log. */
type Acknowledged = Map<number, Workload.Write>

/** Runs the primary until enough is acknowledged, then kills it. Frames go between it and the replicas on `hub`. */
const primaryUntilKilled = Effect.fnUntraced(function* (
  settings: Settings,
  hub: Transport,
  plans: ReadonlyArray<ReadonlyArray<Workload.Write>>
) {
  const child = yield* ChildProcess.start([
    "wal-primary",
    ...["--data", settings.directory, "--seed", String(settings.seed)],
    ...["--writers", String(settings.writers), "--writes", String(writesMax)]
  ])
  yield* hub.onPrimary((name, payload) =>
    Effect.sync(() => {
      if (child.stdin.writable) child.stdin.write(Pipe.encode({ kind: Pipe.kinds.frame, name, payload }))
    })
  )
  // A frame for a primary that was killed meets a closed pipe: that it is lost is what this is about.
  child.stdin.on("error", () => undefined)
  const acknowledged: Acknowledged = new Map()
  let lagMillisP99 = 0
  yield* Effect.promise(async () => {
    const decode = Pipe.makeDecoder()
    for await (const piece of child.stdout) {
      for (const { kind, name, payload } of decode(piece as Uint8Array)) {
        if (kind === Pipe.kinds.frame) Effect.runFork(Effect.ignore(hub.toReplica(name, payload)))
        else if (kind === Pipe.kinds.status) {
          ;({ lagMillisP99 } = JSON.parse(text.decode(payload)) as { readonly lagMillisP99: number })
        } else {
          const [writer = 0, index = 0, sequence = 0] = text.decode(payload).split(" ").map(Number)
          const write = plans[writer]?.[index]
          if (write !== undefined) acknowledged.set(sequence, write)
          if (acknowledged.size >= settings.killAfter) child.kill("SIGKILL")
        }
      }
    }
  })
  const exitCode = yield* ChildProcess.ended(child)
  if (child.signalCode !== "SIGKILL") return yield* new PrimaryDied({ exitCode })
  return { acknowledged, lagMillisP99 }
}, Effect.scoped)

/** Acknowledged writes up to `through` that `log` does not have, or has otherwise. */
const missingIn = (log: Log, acknowledged: Acknowledged, through: number) =>
  Log.attempt(() => {
    let missing = 0
    for (const [sequence, { key, value }] of acknowledged) {
      if (sequence > through) continue
      if (sequence < log.firstSequence || sequence >= log.endSequence) {
        missing += 1
        continue
      }
      const found = log.recordAt(sequence)
      const isThere =
        found !== undefined &&
        text.decode(found.batch.key(found.row)) === key &&
        found.batch.isTombstone(found.row) === (value === undefined) &&
        text.decode(found.batch.value(found.row)) === (value ?? "")
      if (!isThere) missing += 1
    }
    return missing
  })

/**
 * A primary in a process of its own ships its log to two replicas here and is killed under load; a replica is promoted and writes on, the
 * deposed primary comes back as a replica, and the history is restored to a point in time from what was archived.
 */
export const run = Effect.fn("WalStory.run")(function* (settings: Settings) {
  const { directory, seed, writers } = settings
  const plans = Array.from({ length: writers }, (_, writer) => Workload.writes(seed, writer, writesMax))
  const hub = inProcess()
  const replica = (name: string, at = name) =>
    Replica.open({ directory: `${directory}/${at}`, name, transport: hub })
  const one = yield* replica("one")
  const two = yield* replica("two")
  const { acknowledged, lagMillisP99 } = yield* primaryUntilKilled(settings, hub, plans)

  const promoted = yield* promote({ candidates: [one, two], replicas: 2, durable: 1 })
  const acknowledgedLost = yield* missingIn(promoted.log, acknowledged, Number.POSITIVE_INFINITY)
  const next = yield* Primary.make({ log: promoted.log, transport: hub, ack: Ack.durable(1) })
  const last = Math.max(...acknowledged.keys())
  const more = Workload.writes(seed + 1, writers, 200)
  const nowMillis = yield* Clock.currentTimeMillis
  yield* Effect.forEach(more, (write) => next.append(recordOf(write, nowMillis)), {
    concurrency: "unbounded"
  })

  const deposed = yield* replica("deposed", "primary")
  yield* deposed.caughtUp(promoted.log.endSequence)
  const { lostTails } = yield* deposed.report

  const restoredTo = Math.floor(last / 2)
  const restored = yield* restore({
    from: [`${directory}/archive`, `${directory}/${promoted.name}`],
    into: `${directory}/restored`,
    to: { sequence: restoredTo }
  })
  return {
    seed,
    acknowledged: acknowledged.size,
    acknowledgedLost,
    promoted: promoted.name,
    promotedEpoch: promoted.epoch,
    acknowledgedAfter: more.length,
    deposedTruncated: lostTails.reduce((sum, tail) => sum + tail.toSequence - tail.fromSequence, 0),
    deposedKeptIn: lostTails.flatMap(({ copies }) =>
      copies.map((path) => path.slice(path.lastIndexOf("/") + 1))
    ),
    lagMillisP99,
    archivedFiles: restored.files,
    restoredTo: restored.restoredTo,
    restoreWrong: yield* missingIn(restored.log, acknowledged, restoredTo)
  } satisfies WalReport
})
