import { Log } from "@troupe/storage/log"
import { Ack, overMessages, Primary, promote, Replica, restore } from "@troupe/storage/shipping"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "../ChildProcess.ts"
import * as Workload from "../storage/Workload.ts"
import { type PrimarySaid, recordOf } from "./WalPrimary.ts"
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

/** The channel to the primary's process, while there is one: a frame for a primary that is gone is lost, as frames may be. */
const channel = () => {
  const listeners = new Set<(message: unknown) => void>()
  let child: ChildProcess.Child | undefined
  return {
    to: (started: ChildProcess.Child) => {
      child = started
      started.on("message", (message: unknown) => {
        for (const listener of listeners) listener(message)
      })
    },
    end: {
      post: (message: object) => {
        if (child?.connected === true) child.send(message, () => undefined)
      },
      listen: (receive: (message: unknown) => void) => {
        listeners.add(receive)
        return () => void listeners.delete(receive)
      }
    }
  }
}

/** Runs the primary until enough is acknowledged, then kills it. */
const primaryUntilKilled = Effect.fnUntraced(function* (
  settings: Settings,
  connect: (child: ChildProcess.Child) => void,
  plans: ReadonlyArray<ReadonlyArray<Workload.Write>>
) {
  const child = yield* ChildProcess.start([
    "wal-primary",
    ...["--data", settings.directory, "--seed", String(settings.seed)],
    ...["--writers", String(settings.writers), "--writes", String(writesMax)]
  ])
  connect(child)
  const acknowledged: Acknowledged = new Map()
  let lagMillisP99 = 0
  child.on("message", (message: PrimarySaid | { readonly shipping: string }) => {
    if ("lagMillisP99" in message) lagMillisP99 = message.lagMillisP99
    if (!("sequence" in message)) return
    const write = plans[message.writer]?.[message.index]
    if (write !== undefined) acknowledged.set(message.sequence, write)
    if (acknowledged.size >= settings.killAfter) child.kill("SIGKILL")
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
  const { end, to } = channel()
  const hub = yield* overMessages(end)
  const replica = (name: string, at = name) =>
    Replica.open({ directory: `${directory}/${at}`, name, transport: hub })
  const one = yield* replica("one")
  const two = yield* replica("two")
  const { acknowledged, lagMillisP99 } = yield* primaryUntilKilled(settings, to, plans)

  const promoted = yield* promote({ candidates: [one, two], replicas: 2, durable: 1 })
  const acknowledgedLost = yield* missingIn(promoted.log, acknowledged, Number.POSITIVE_INFINITY)
  const next = yield* Primary.make({ log: promoted.log, transport: hub, ack: Ack.durable(1) })
  const last = [...acknowledged.keys()].reduce((most, sequence) => Math.max(most, sequence), 0)
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
