import { readdirSync } from "node:fs"
import { Prng } from "@troupe/clickstream"
import type { Lsm, LsmStats } from "@troupe/storage/lsm"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "../ChildProcess.ts"
import type { StorageReport } from "./StorageReport.ts"
import type { WriteAcknowledged, WriterDone } from "./StorageWriter.ts"
import * as StoreShape from "./StoreShape.ts"
import * as Workload from "./Workload.ts"

/** The writing process ended though nobody killed it. */
export class WriterDied extends Schema.TaggedError<WriterDied>()("WriterDied", {
  exitCode: Schema.NullOr(Schema.Int)
}) {
  override get message() {
    return `The writing process ended with exit code ${this.exitCode}; what it said is above.`
  }
}

/** What the story is told with. */
export interface Settings {
  readonly directory: string
  readonly seed: number
  readonly writers: number
  /** Writes of each writer. */
  readonly writes: number
  /** How often the writing process is killed. */
  readonly kills: number
}

const text = new TextDecoder()
const asText = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : text.decode(bytes))
const asOfSamples = 2_000

/** What the writing process said: sequences by writer and write. Kept here, outside the store. */
class Acknowledged {
  readonly sequences: ReadonlyArray<Array<number>>

  constructor(writers: number) {
    this.sequences = Array.from({ length: writers }, () => [])
  }

  take({ index, sequence, writer }: WriteAcknowledged): void {
    const of = this.sequences[writer]
    if (of !== undefined) of[index] = sequence
  }

  get counts(): ReadonlyArray<number> {
    return this.sequences.map((of) => of.length)
  }

  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0)
  }
}

/** Runs the writing process; `killAfter` acknowledgements it is killed. Answers its counts when it ended by itself. */
const write = Effect.fnUntraced(function* (
  settings: Settings,
  known: Acknowledged,
  killAfter: number | undefined
) {
  const child = yield* ChildProcess.start([
    "storage-writer",
    ...["--data", settings.directory, "--seed", String(settings.seed)],
    ...["--from", known.counts.join(","), "--writes", String(settings.writes)]
  ])
  let stats: LsmStats | undefined
  const target = killAfter === undefined ? undefined : known.total + killAfter
  child.on("message", (message: WriteAcknowledged | WriterDone) => {
    if ("stats" in message) stats = message.stats
    else known.take(message)
    if (target !== undefined && known.total >= target) child.kill("SIGKILL")
  })
  const exitCode = yield* ChildProcess.ended(child)
  if (stats === undefined && child.signalCode !== "SIGKILL") return yield* new WriterDied({ exitCode })
  return stats
}, Effect.scoped)

/**
 * Acknowledged writes that are not there: keys that hold neither what the model says after the acknowledged writes, nor what it says
 * after the one write that was under way.
 */
const lostIn = Effect.fnUntraced(function* (
  store: Lsm,
  all: ReadonlyArray<ReadonlyArray<Workload.Write>>,
  known: Acknowledged
) {
  let lost = 0
  for (const [writer, writes] of all.entries()) {
    const count = known.counts[writer] ?? 0
    const sure = Workload.stateAfter(writes, count)
    const perhaps = Workload.stateAfter(writes, count + 1)
    const keys = [...new Set(writes.slice(0, count + 1).map(({ key }) => key))]
    const held = yield* store.getMany(keys)
    for (const [i, key] of keys.entries()) {
      const value = asText(held[i])
      if (value !== sure.get(key) && value !== perhaps.get(key)) lost += 1
    }
  }
  return lost
})

/** Asks for keys as they were after random acknowledged writes, and compares with the model. */
const askThePast = Effect.fnUntraced(function* (
  store: Lsm,
  all: ReadonlyArray<ReadonlyArray<Workload.Write>>,
  known: Acknowledged,
  seed: number
) {
  const prng = Prng.make(seed, 1_000)
  const counts = { asOfChecked: 0, asOfWrong: 0, asOfGone: 0 }
  for (let n = 0; n < asOfSamples; n++) {
    const writer = prng.nextUint32() % all.length
    const writes = all[writer] ?? []
    const at = prng.nextUint32() % Math.max(1, known.counts[writer] ?? 0)
    const { key = "" } = writes[prng.nextUint32() % Math.max(1, at + 1)] ?? {}
    const last = writes.slice(0, at + 1).findLast((write) => write.key === key)
    const sequence = known.sequences[writer]?.[at] ?? 0
    const answer = yield* Effect.result(store.getAsOf(key, { sequence }))
    if (answer._tag === "Failure") {
      if (answer.failure._tag !== "HistoryGone") return yield* answer.failure
      counts.asOfGone += 1
    } else {
      counts.asOfChecked += 1
      if (asText(answer.success) !== last?.value) counts.asOfWrong += 1
    }
  }
  return counts
})

/** Everything a reader sees, as one text. */
const contents = (reader: Pick<Lsm, "scan">): string => {
  const parts: Array<string> = []
  for (const { key, value } of reader.scan()) parts.push(text.decode(key), text.decode(value))
  return parts.join("\n")
}

/**
 * Several writers write a store in a process of its own, which is killed as often as asked; then what is there is checked against a
 * model kept outside, the past is asked for; then the history is given up, and everything that nobody can ask for is compacted away under a live snapshot.
 */
export const run = Effect.fn("StorageStory.run")(function* (settings: Settings) {
  const all = Array.from({ length: settings.writers }, (_, writer) =>
    Workload.writes(settings.seed, writer, settings.writes)
  )
  const known = new Acknowledged(settings.writers)
  const prng = Prng.make(settings.seed, 999)
  const each = Math.floor((settings.writers * settings.writes) / (settings.kills + 1))
  let acknowledgedLost = 0
  let filesRolled = 0
  let reclaimedBytes = 0
  let droppedPairs = 0
  let droppedVersions = 0
  for (let kill = 0; kill <= settings.kills; kill++) {
    const isLast = kill === settings.kills
    const killAfter = isLast ? undefined : Math.floor(each * (0.5 + prng.next() / 2))
    const stats = yield* write(settings, known, killAfter)
    filesRolled += stats?.filesRolled ?? 0
    reclaimedBytes += stats?.reclaimedBytes ?? 0
    droppedPairs += stats?.droppedPairs ?? 0
    droppedVersions += stats?.droppedVersions ?? 0
    acknowledgedLost += yield* Effect.scoped(
      Effect.flatMap(StoreShape.open(settings.directory), (store) => lostIn(store, all, known))
    )
  }

  const past = yield* Effect.scoped(
    Effect.gen(function* () {
      const store = yield* StoreShape.open(settings.directory)
      yield* store.flush
      return {
        ...(yield* askThePast(store, all, known, settings.seed)),
        bytesBefore: store.stats.bytesOnDisk
      }
    })
  )
  // Now without a history: what only the past could be asked for may go, but for the snapshot that is open meanwhile.
  return yield* Effect.gen(function* () {
    const store = yield* StoreShape.open(settings.directory, 1)
    const snapshotUnchanged = yield* Effect.scoped(
      Effect.gen(function* () {
        const snapshot = yield* store.snapshot
        const seen = contents(snapshot)
        yield* store.compact
        return contents(snapshot) === seen && contents(store) === seen
      })
    )
    yield* store.compact
    yield* store.retain
    acknowledgedLost += yield* lostIn(store, all, known)
    const after = store.stats
    const count = (of: (writes: ReadonlyArray<Workload.Write>, acknowledged: number) => number) =>
      all.reduce((sum, writes, writer) => sum + of(writes, known.counts[writer] ?? 0), 0)
    return {
      seed: settings.seed,
      kills: settings.kills,
      writers: settings.writers,
      puts: count((writes, n) => writes.slice(0, n).filter(({ value }) => value !== undefined).length),
      deletes: count((writes, n) => writes.slice(0, n).filter(({ value }) => value === undefined).length),
      overwrites: count(Workload.overwritesIn),
      ...past,
      bytesAfter: after.bytesOnDisk,
      liveBytes: yield* store.liveBytes,
      reclaimedBytes: reclaimedBytes + after.reclaimedBytes,
      droppedPairs: droppedPairs + after.droppedPairs,
      droppedVersions: droppedVersions + after.droppedVersions,
      filesRolled: filesRolled + after.filesRolled,
      filesArchived: readdirSync(`${settings.directory}/archive`).filter((name) => name.endsWith(".log"))
        .length,
      acknowledgedLost,
      snapshotUnchanged
    } satisfies StorageReport
  }).pipe(Effect.scoped)
})
