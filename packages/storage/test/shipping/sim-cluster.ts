import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { SimFs, seeded } from "../../src/disk/SimFs.ts"
import { Log, type LogRecord } from "../../src/log.ts"
import { Ack, inProcess, Primary, promote, Replica, type Transport } from "../../src/shipping.ts"
import { writtenOf } from "../sim-log.ts"

/** What the network does to frames; 0 does nothing. */
export interface Rates {
  drop: number
  repeat: number
  delay: number
  /** Flips a byte of the frame. */
  damage: number
}

export const quiet: Rates = { drop: 0, repeat: 0, delay: 0, damage: 0 }

/** A transport that loses, repeats, delays (and so reorders) and damages frames, all from the seed. */
export const chaos = (inner: Transport, random: () => number, rates: Rates): Transport => {
  const through = <E>(deliver: (frame: Uint8Array) => Effect.Effect<void, E>, frame: Uint8Array) =>
    Effect.suspend(() => {
      if (random() < rates.drop) return Effect.void
      const copies = random() < rates.repeat ? 2 : 1
      return Effect.forEach(
        Array.from({ length: copies }),
        () => {
          const sent = frame.slice()
          if (random() < rates.damage) {
            const at = Math.floor(random() * sent.length)
            sent[at] = (sent[at] as number) ^ (1 << Math.floor(random() * 8))
          }
          if (random() >= rates.delay) return deliver(sent)
          const later = Effect.delay(deliver(sent), Math.ceil(random() * 300))
          return Effect.asVoid(Effect.forkDetach(Effect.exit(later)))
        },
        { discard: true }
      )
    })
  return {
    ...inner,
    toReplica: (name, frame) => through((f) => inner.toReplica(name, f), frame),
    toPrimary: (from, frame) => through((f) => inner.toPrimary(from, f), frame)
  }
}

/** A disk on which each sync takes up to `maxMillis` of virtual time: what is written and what is durable differ. */
const slow = (
  fs: SimFs,
  random: () => number,
  later: (millis: number, run: () => void) => void
): FileSystem => ({
  makeDirectory: (path) => fs.makeDirectory(path),
  list: (path) => fs.list(path),
  open: (path, mode) => fs.open(path, mode),
  close: (file) => fs.close(file),
  size: (file) => fs.size(file),
  read: (...call) => fs.read(...call),
  write: (...call) => fs.write(...call),
  truncate: (file, size) => fs.truncate(file, size),
  sync: (file) => fs.sync(file),
  syncData: (file, done) => {
    fs.syncData(file, done)
    later(1 + Math.floor(random() * 150), () => fs.releaseSync())
  },
  syncDirectory: (path) => fs.syncDirectory(path),
  syncDirectoryLater: (path, done) => {
    fs.syncDirectoryLater(path, done)
    later(1 + Math.floor(random() * 150), () => fs.releaseSync())
  },
  rename: (from, to) => fs.rename(from, to),
  remove: (path) => fs.remove(path)
})

const faults = { holdSyncs: true } as const

/** Runs an effect while virtual time goes by. */
export const advancing = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust(20)
    return yield* Fiber.join(fiber)
  })

const directory = "/log"
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** One machine: a disk, and what runs on it. */
interface Node {
  readonly name: string
  fs: SimFs
  scope: Scope.Closeable
  role: "primary" | "replica" | "down"
  primary?: Primary
  log?: Log
  replica?: Replica
  /** What `apply` saw in this life. */
  applied: Array<number>
}

/** Records that were answered: sequence → value. What no promotion may lose. */
export type Acknowledged = Map<number, string>

/** A primary and two replicas on three simulated disks. */
export class Cluster {
  readonly acknowledged: Acknowledged = new Map()
  readonly nodes: ReadonlyArray<Node>
  readonly rates: Rates = { ...quiet }
  /** Who wrote in each epoch. */
  readonly writers = new Map<number, string>()
  readonly log: Array<string> = []
  promotions = 0
  lostTails = 0
  snapshots = 0
  cuts = 0
  private readonly random: () => number
  private readonly transport: Transport
  private next = 1

  private readonly diskRandom: () => number
  private readonly context: Context.Context<never>

  constructor(seed: number, context: Context.Context<never>) {
    this.context = context
    this.diskRandom = seeded(seed + 2)
    this.random = seeded(seed)
    this.transport = chaos(inProcess(), seeded(seed + 1), this.rates)
    this.nodes = ["a", "b", "c"].map((name, i) => ({
      name,
      fs: new SimFs(seed + 10 + i, faults),
      scope: Scope.makeUnsafe(),
      role: "down",
      applied: []
    }))
  }

  node(name: string): Node {
    return this.nodes.find((node) => node.name === name) as Node
  }

  get primary(): Node | undefined {
    return this.nodes
      .filter((node) => node.role === "primary")
      .sort((x, y) => (y.log?.epoch ?? 0) - (x.log?.epoch ?? 0))[0]
  }

  private readonly shape = { segmentBytes: 1600, batchRecords: 8, batchBytes: 4096 }

  startPrimary(node: Node, epoch?: number) {
    return this.inside(
      node,
      Effect.gen({ self: this }, function* () {
        node.log = yield* Log.open({ directory, durability: "disk", ...this.shape })
        yield* this.lead(node, node.log, epoch)
      })
    )
  }

  private lead(node: Node, log: Log, epoch?: number) {
    return Effect.gen({ self: this }, function* () {
      node.log = log
      node.primary = yield* Primary.make({
        log,
        transport: this.transport,
        ack: Ack.durable(1),
        windowBytes: 3000,
        pieceBytes: 700,
        ...(epoch === undefined ? {} : { epoch })
      })
      node.role = "primary"
      const before = this.writers.get(log.epoch)
      if (before !== undefined && before !== node.name)
        throw new Error(`epoch ${log.epoch} has two writers: ${before}, ${node.name}`)
      this.writers.set(log.epoch, node.name)
    })
  }

  startReplica(node: Node) {
    return this.inside(
      node,
      Effect.gen({ self: this }, function* () {
        node.applied = []
        node.replica = yield* Replica.open({
          directory,
          name: node.name,
          transport: this.transport,
          applyFrom: 1,
          apply: (batch) =>
            Effect.sync(() => {
              for (let row = batch.start; row < batch.count; row++) node.applied.push(batch.sequence(row))
            }),
          rewound: (sequence) =>
            Effect.sync(() => {
              node.applied = node.applied.filter((applied) => applied < sequence)
            })
        })
        node.role = "replica"
      })
    )
  }

  /** Appends a few records and lets somebody wait for them; who gets an answer writes it down. */
  append() {
    return Effect.gen({ self: this }, function* () {
      const node = this.primary
      const { primary } = node ?? {}
      if (primary === undefined) return
      const records: Array<LogRecord> = []
      for (let i = 0; i <= this.random() * 4; i++) {
        const n = this.next++
        const subject = n % 4 === 0 ? undefined : `s.${n % 4}`
        const value = `${node?.name}:${primary.epoch}:${n}:${"x".repeat(n % 90)}`
        records.push({ value: utf8.encode(value), timeMillis: 1_700_000_000_000 + n, subject })
      }
      const write = Effect.map(primary.appendBatch(records), (first) => {
        for (const [i, record] of records.entries())
          this.acknowledged.set(first + i, text.decode(record.value))
      })
      yield* Effect.forkDetach(Effect.exit(write))
    })
  }

  /** The power of a machine goes, or only its process. */
  crash(node: Node, powerCut: boolean) {
    return Effect.gen({ self: this }, function* () {
      node.role = "down"
      const seed = Math.floor(this.random() * 1e9)
      const after = powerCut ? node.fs.powerCut(seed, "random", faults) : node.fs.processKilled(seed, faults)
      yield* this.stop(node)
      node.fs = after
    })
  }

  /** The power of all machines goes in one moment. */
  blackout() {
    return Effect.gen({ self: this }, function* () {
      const disks = this.nodes.map((node) => {
        const loss = this.random() < 0.5 ? "everything" : "random"
        return { node, after: node.fs.powerCut(Math.floor(this.random() * 1e9), loss, faults) }
      })
      for (const { after, node } of disks) {
        node.role = "down"
        yield* this.stop(node)
        node.fs = after
      }
    })
  }

  /** Promotes the better of the replicas that run, as an operator would with both at hand. */
  promote() {
    return Effect.gen({ self: this }, function* () {
      const candidates = this.nodes.filter((node) => node.role === "replica")
      const down = this.nodes.filter((node) => node.role !== "replica")
      if (candidates.length < 2) return false
      for (const node of candidates) if ((yield* (node.replica as Replica).report).durable === 1) return false
      const scope = Scope.makeUnsafe()
      const fsOf = new Map(candidates.map((node) => [node.name, this.disk(node)]))
      // The promotion opens the log on the chosen machine's disk: every candidate promotes on its own.
      const chosenFs = (replica: Replica): Replica => ({
        ...replica,
        promote: (options) =>
          Effect.provideService(replica.promote(options), FileSystem, fsOf.get(replica.name) as FileSystem)
      })
      const promoted = yield* promote({
        candidates: candidates.map((node) => chosenFs(node.replica as Replica)),
        replicas: 2,
        durable: 1,
        ...this.shape
      }).pipe(Scope.provide(scope))
      const node = this.node(promoted.name)
      const receiver = node.scope
      node.scope = scope
      yield* this.inside(node, this.lead(node, promoted.log))
      yield* Effect.exit(Scope.close(receiver, Exit.void))
      this.promotions++
      for (const old of down) if (old.role === "primary") this.log.push(`${old.name} is deposed and runs`)
      return true
    })
  }

  /** What must hold at every moment; throws the first thing that does not. */
  check() {
    return Effect.gen({ self: this }, function* () {
      const primary = this.primary
      const end = primary?.log?.endSequence ?? Number.POSITIVE_INFINITY
      for (const node of this.nodes) {
        if (node.role !== "replica" || node.replica === undefined) continue
        const report = yield* node.replica.report
        if (!(report.received >= report.durable && report.durable >= report.applied)) {
          throw new Error(`R5 ${node.name}: ${report.received} ${report.durable} ${report.applied}`)
        }
        this.cuts = Math.max(this.cuts, report.lostTails.length)
        if (primary?.log === undefined || report.epoch !== primary.log.epoch) continue
        if (report.received > end)
          throw new Error(`R5 ${node.name} has ${report.received}, the primary ${end}`)
        if (report.failure !== undefined) throw report.failure
        const ours = this.files(node)
        const theirs = this.files(primary)
        for (const [name, bytes] of ours) {
          const other = theirs.get(name)
          if (other === undefined || !other.subarray(0, bytes.length).every((byte, i) => byte === bytes[i])) {
            throw new Error(`R1 ${node.name}: ${name} is no prefix of the primary's`)
          }
        }
      }
      if (primary?.primary !== undefined) {
        for (const status of yield* primary.primary.replicas) {
          if (
            !(status.received >= status.durable && status.durable >= status.applied && status.received <= end)
          ) {
            throw new Error(`R5 the primary's view of ${status.name}: ${JSON.stringify(status)}`)
          }
        }
      }
    })
  }

  /** Every acknowledged record is in the primary's log, and each epoch has one writer; throws what is not. */
  checkAcknowledged(): number {
    const log = this.primary?.log as Log
    for (const [sequence, value] of this.acknowledged) {
      const found = log.recordAt(sequence)
      const there = found === undefined ? "nothing" : text.decode(found.batch.value(found.row))
      if (there !== value)
        throw new Error(`R6 acknowledged ${sequence} was ${value}, the primary has ${there}`)
    }
    let before = 0
    for (const batches of log.scan()) {
      for (const batch of batches) {
        if (batch.epoch < before) throw new Error(`R3 epoch ${batch.epoch} after ${before}`)
        before = batch.epoch
        for (let row = 0; row < batch.count; row++) {
          const [writer, epoch] = text.decode(batch.value(row)).split(":")
          if (Number(epoch) !== batch.epoch || this.writers.get(batch.epoch) !== writer) {
            throw new Error(`R3 a record of ${writer} in epoch ${epoch} lies in epoch ${batch.epoch}`)
          }
        }
      }
    }
    return this.acknowledged.size
  }

  /** The files of a machine's log: segments and indexes. */
  files(node: Node): Map<string, Uint8Array> {
    return new Map(
      [...node.fs.files()].flatMap(([path, bytes]) => (/\.log$/.test(path) ? [[path, writtenOf(bytes)]] : []))
    )
  }

  stopAll() {
    return Effect.forEach(this.nodes, (node) => this.stop(node), { discard: true })
  }

  private disk(node: Node): FileSystem {
    return slow(node.fs, this.diskRandom, (millis, run) => {
      Effect.runForkWith(this.context)(Effect.delay(Effect.sync(run), millis))
    })
  }

  private stop(node: Node) {
    const { scope } = node
    node.scope = Scope.makeUnsafe()
    delete node.primary
    delete node.log
    delete node.replica
    return Effect.exit(Scope.close(scope, Exit.void))
  }

  private inside<A, E>(node: Node, effect: Effect.Effect<A, E, Scope.Scope>) {
    return effect.pipe(Scope.provide(node.scope), Effect.provideService(FileSystem, this.disk(node)))
  }
}
