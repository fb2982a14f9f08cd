import { Actor, ActorSystem, Message, Supervision } from "@troupe/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { FileSystem } from "../disk/FileSystem.ts"
import type { BatchView } from "../log/BatchView.ts"
import { Log, type LogOptions } from "../log/Log.ts"
import type { LogError } from "../log/LogError.ts"
import { logIdText } from "../log/LogId.ts"
import type { LogPoint } from "../log/LogPoint.ts"
import { actorsAround } from "./ActorsAround.ts"
import { decodeFrame, encodeFrame, type Frame } from "./Frame.ts"
import { Incoming, type ReplicaState } from "./Incoming.ts"
import type { LostTail } from "./LogTail.ts"
import { ApplyFailed, Empty, Fenced, OtherLog, ShippingError, StoreFailed } from "./ShippingError.ts"
import type { Transport } from "./Transport.ts"

/** What a replica is. */
export interface ReplicaOptions {
  /** Its own directory: of a new replica, of one that was closed or killed, or of a deposed primary. */
  readonly directory: string
  /** Unique among the replicas of the log: letters, digits, `_` and `-`. */
  readonly name: string
  readonly transport: Transport
  /** Gets each batch of records once it is synced here, in order; the next ones wait for it. */
  readonly apply?: (batch: BatchView) => Effect.Effect<void, unknown>
  /**
   * Hears that what was applied from `sequence` on was cut from the log, or comes again in a snapshot: undo it. The next
   * `apply` begins there, or where the primary's log begins.
   */
  readonly rewound?: (sequence: number) => Effect.Effect<void, unknown>
  /** The first sequence `apply` has not seen; default: the end of the log when it was opened. */
  readonly applyFrom?: number
  /** How long without a word from a primary before it says hello again; default 1 000. */
  readonly silenceMillis?: number
}

/** Where a replica stands. Positions are the sequence after the last record. */
export interface ReplicaReport {
  readonly name: string
  readonly state: ReplicaState
  /** Sixteen hexadecimal digits; zeroes while it has no log. */
  readonly logId: string
  /** Epoch of its last batch, and the largest it has promised to follow. */
  readonly epoch: number
  readonly promised: number
  readonly firstSequence: number
  readonly received: number
  readonly durable: number
  readonly applied: number
  /** Everything below was acknowledged by the primary and is durable here. */
  readonly committed: number
  /** The primary's end, as it last told, and how far this replica's disk is behind it, in records. */
  readonly primaryEnd: number
  readonly lagRecords: number
  /** What was cut from this log, with the files that keep it. */
  readonly lostTails: ReadonlyArray<LostTail>
  /** Why the last piece that did not fit was not taken. */
  readonly unfit: string | undefined
  /** What went wrong; after a failed disk or `apply` nothing more is taken. */
  readonly failure: ShippingError | undefined
}

/** How far a replica is that follows nobody in an older epoch any more. */
export interface FencedReplica {
  readonly name: string
  /** The epoch of its last batch, and the place after what it has on disk: the larger, the more it has. */
  readonly lastEpoch: number
  readonly durable: LogPoint
}

/** A copy of a log that follows its primary. */
export interface Replica {
  readonly name: string
  readonly report: Effect.Effect<ReplicaReport>
  /** Batches that are synced here, from `from` on: about `maxBytes` of them. */
  readonly read: (from: number, maxBytes: number) => Effect.Effect<ReadonlyArray<BatchView>, ShippingError>
  /** Answers when a primary leads this replica and everything below `sequence` is synced here and applied. */
  readonly caughtUp: (sequence: number) => Effect.Effect<void, ShippingError>
  /** Promises durably to follow no epoch below `epoch`; what an older primary sends is refused from here on. */
  readonly fence: (epoch: number) => Effect.Effect<FencedReplica, ShippingError>
  /**
   * Ends following and opens the log to write, in a new epoch that is on disk before this answers (default: one more
   * than any this replica knows). Whether this is the right replica, and whether the old primary is gone, is the caller's
   * to know: see `promote`, which asks several, and `Lease`.
   */
  readonly promote: (options?: PromoteOptions) => Effect.Effect<Log, ShippingError | LogError, Scope.Scope>
}

/** How a promoted replica's log is opened. */
export interface PromoteOptions extends Omit<LogOptions, "directory" | "durability"> {
  readonly epoch?: number
}

class Arrived extends Message.Class<Arrived>()("Arrived", { payload: { bytes: Schema.Uint8Array } }) {}
class Synced extends Message.Class<Synced>()("Synced", { payload: { error: Schema.Unknown } }) {}
class Tick extends Message.Class<Tick>()("Tick") {}
class Fencing extends Message.Class<Fencing>()("Fencing", {
  payload: { epoch: Schema.Number },
  error: ShippingError
}) {}
class Ending extends Message.Class<Ending>()("Ending") {}

/** The actor that owns a replica's files: a message for each piece, and one for each sync. */
const Receiver = Actor.make("@troupe/storage/shipping/Receiver", [Arrived, Synced, Tick, Fencing, Ending])

const applyBytes = 256 * 1024
let replicas = 0

/**
 * Opens a replica and follows whoever is primary until the scope closes.
 *
 * A directory that is new gets a snapshot; one that was behind streams on; one with a tail that the primary does not have
 * (a deposed primary's) is cut to the common point, and keeps the tail in `.cut` files that `report` names.
 */
const open = Effect.fn("Replica.open")(function* (
  options: ReplicaOptions
): Effect.fn.Return<Replica, ShippingError, Scope.Scope> {
  const { directory, name, transport } = options
  const silenceMillis = options.silenceMillis ?? 1000
  const fs = yield* FileSystem
  const system = yield* actorsAround
  const failed = (cause: unknown): ShippingError =>
    new ShippingError({ operation: `follow as ${name}`, reason: new StoreFailed({ cause }) })
  const guarded = <A>(run: () => A): Effect.Effect<A, ShippingError> =>
    Effect.mapError(Log.attempt(run), failed)
  const incoming = yield* Effect.acquireRelease(
    guarded(() => new Incoming(fs, directory, options.applyFrom)),
    (it) => Effect.ignore(guarded(() => it.close()))
  )
  const { log } = incoming
  let failure: ShippingError | undefined
  let ended = false
  let syncing = false
  let heardMillis = 0
  const whenIdle: Array<() => void> = []
  const waiting = new Set<() => void>()
  const notify = (): void => {
    for (const look of [...waiting]) look()
  }
  const fail = (error: ShippingError) =>
    Effect.sync(() => {
      failure ??= error
      notify()
    })
  const send = (frame: Frame): Effect.Effect<void> =>
    // What is lost is asked for again at the next heartbeat; the report says that it was.
    Effect.catch(transport.toPrimary(name, encodeFrame(frame)), (error) =>
      Effect.sync(() => {
        incoming.unfit = error.message
      })
    )
  const hello = Effect.gen(function* () {
    heardMillis = yield* Clock.currentTimeMillis
    const session = yield* Random.nextIntBetween(1, 0xffff_ffff)
    yield* Effect.flatMap(
      guarded(() => incoming.hello(session)),
      send
    )
  })
  const isLed = (): boolean => incoming.state === "streaming" || incoming.state === "snapshot"
  const applyFailed = (cause: unknown) =>
    new ShippingError({ operation: `apply as ${name}`, reason: new ApplyFailed({ cause }) })
  const apply = Effect.gen(function* () {
    // Before a primary has said so, nobody knows that this log is a prefix of its.
    if (!isLed()) return
    const to = log.durable.sequence
    if (incoming.rewound !== undefined) {
      const from = incoming.rewound
      incoming.rewound = undefined
      yield* Effect.mapError(options.rewound?.(from) ?? Effect.void, applyFailed)
    }
    if (options.apply === undefined) incoming.applied = Math.max(incoming.applied, to)
    while (incoming.applied < to) {
      const batches = yield* guarded(() => log.read(incoming.applied, applyBytes, to))
      if (batches.length === 0) return
      for (const batch of batches) {
        yield* Effect.mapError(options.apply?.(batch) ?? Effect.void, applyFailed)
        incoming.applied = batch.nextSequence
      }
    }
  })

  const build = Effect.gen(function* () {
    const self = yield* Receiver.self
    const startSync = guarded(() => {
      if (syncing || !log.needsSync) return
      syncing = true
      log.sync((error) => {
        syncing = false
        for (const idle of whenIdle.splice(0)) idle()
        Effect.runFork(self.tell(new Synced({ error })))
      })
    })
    const alive = (work: Effect.Effect<void, ShippingError>): Effect.Effect<void> =>
      Effect.suspend(() => (failure !== undefined || ended ? Effect.void : Effect.catch(work, fail)))
    const arrived = Effect.fnUntraced(function* (bytes: Uint8Array) {
      const frame = decodeFrame(bytes)
      if (frame._tag === "Damaged") {
        incoming.unfit = `a damaged frame was dropped: ${frame.reason}`
        return
      }
      const { heard } = incoming
      const answer = yield* guarded(() => incoming.take(frame))
      if (incoming.heard !== heard) heardMillis = yield* Clock.currentTimeMillis
      if (answer === "hello") yield* hello
      else if (answer !== undefined) yield* send(answer)
      if (frame._tag === "Welcome") {
        yield* apply
        notify()
      }
      yield* startSync
    })
    const synced = Effect.fnUntraced(function* (error: unknown) {
      if (error !== undefined) return yield* Effect.fail(failed(error))
      yield* apply
      yield* send(incoming.ack(false))
      notify()
      yield* startSync
    })
    const tick = Effect.gen(function* () {
      const nowMillis = yield* Clock.currentTimeMillis
      const silent = nowMillis - heardMillis >= silenceMillis
      if (silent && incoming.state !== "otherLog") yield* hello
    })
    yield* self
      .tell(new Tick())
      .pipe(Effect.delay(Math.max(1, silenceMillis / 4)), Effect.forever, Effect.forkScoped)
    yield* Effect.catch(hello, fail)
    return Receiver.of({
      Arrived: ({ bytes }) => alive(arrived(bytes)),
      Synced: ({ error }) => alive(synced(error)),
      Tick: () => alive(tick),
      Fencing: ({ epoch }) =>
        guarded(() => incoming.promise(epoch)).pipe(
          Effect.flatMap((kept) => {
            const reason = new Fenced({ epoch, newer: incoming.epoch })
            return kept ? Effect.void : Effect.fail(new ShippingError({ operation: `fence ${name}`, reason }))
          })
        ),
      Ending: () =>
        Effect.sync(() => {
          ended = true
        })
    })
  })
  const receiver = yield* Receiver.spawn(`${name}/${++replicas}`, build, {
    supervision: Supervision.resume,
    drain: 0
  }).pipe(Effect.provideService(ActorSystem, system))
  yield* transport.onReplica(name, (bytes) => receiver.tell(new Arrived({ bytes })))

  const asked = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, ShippingError> =>
    Effect.mapError(effect, (error) => (error instanceof ShippingError ? error : failed(error)))

  /** Waits until no sync runs: then nobody touches the files but the caller. */
  const quiet: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (syncing) whenIdle.push(() => resume(Effect.void))
    else resume(Effect.void)
  })

  const fence = Effect.fn("Replica.fence")(function* (epoch: number) {
    yield* asked(receiver.ask(new Fencing({ epoch })))
    return { name, lastEpoch: log.epoch, durable: log.durable }
  })

  return {
    name,
    report: Effect.sync(() => ({
      name,
      state: incoming.state,
      logId: logIdText(log.logId),
      epoch: log.epoch,
      promised: incoming.epoch,
      firstSequence: log.firstSequence,
      received: log.end.sequence,
      durable: log.durable.sequence,
      applied: incoming.applied,
      committed: incoming.commitPoint,
      primaryEnd: incoming.primaryEnd,
      lagRecords: Math.max(0, incoming.primaryEnd - log.durable.sequence),
      lostTails: incoming.lostTails.slice(),
      unfit: incoming.unfit,
      failure
    })),
    read: (from, maxBytes) => guarded(() => log.read(from, maxBytes, log.durable.sequence)),
    caughtUp: (sequence) =>
      Effect.callback<void, ShippingError>((resume) => {
        const look = (): void => {
          if (failure !== undefined) resume(Effect.fail(failure))
          else if (incoming.state === "otherLog") {
            const reason = new OtherLog({ ours: logIdText(log.logId), theirs: "another" })
            resume(Effect.fail(new ShippingError({ operation: `follow as ${name}`, reason })))
          } else if (isLed() && log.durable.sequence >= sequence && incoming.applied >= sequence) {
            resume(Effect.void)
          } else return
          waiting.delete(look)
        }
        waiting.add(look)
        look()
        return Effect.sync(() => waiting.delete(look))
      }),
    fence,
    promote: Effect.fn("Replica.promote")(function* (promotion = {}) {
      const { epoch = incoming.epoch + 1, ...shape } = promotion
      if (log.end.segment === 0) {
        return yield* new ShippingError({ operation: "promote", reason: new Empty({ name }) })
      }
      yield* fence(epoch)
      yield* asked(receiver.ask(new Ending()))
      yield* quiet
      yield* guarded(() => incoming.close())
      const promoted = yield* Log.open({ ...shape, directory, durability: "disk" })
      if (promoted.epoch < epoch) {
        yield* Log.attempt(() => promoted.beginEpoch(epoch))
        yield* promoted.flush
      }
      return promoted
    })
  }
})

/** A copy of a log that follows its primary. */
export const Replica = { open }
