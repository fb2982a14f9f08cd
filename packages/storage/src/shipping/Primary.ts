import { Actor, ActorSystem, Message, Supervision } from "@troupe/runtime"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { FileSystem } from "../disk/FileSystem.ts"
import { Log } from "../log/Log.ts"
import { LogFailed } from "../log/LogError.ts"
import { logIdText } from "../log/LogId.ts"
import type { LogRecord } from "../log/LogRecord.ts"
import type { WritableLog } from "../log/ReadableLog.ts"
import { type Ack, acknowledgedTo, local } from "./Ack.ts"
import { AckGroups } from "./AckGroups.ts"
import { actorsAround } from "./ActorsAround.ts"
import type { EpochStart } from "./EpochTable.ts"
import { decodeFrame, encodeFrame, type Frame, type Hello, pieceBytesMax, welcomeDecision } from "./Frame.ts"
import { type LinkState, ReplicaLink } from "./ReplicaLink.ts"
import { readReplicaNote, writeReplicaNote } from "./ReplicaNote.ts"
import { readEpochs } from "./SegmentBoundaries.ts"
import { Fenced, ShippingError } from "./ShippingError.ts"
import type { Transport } from "./Transport.ts"

/** How a log is shipped. */
export interface PrimaryOptions {
  /** The open log, of class `disk`: what the primary's disk has not synced is never shipped. */
  readonly log: WritableLog
  readonly transport: Transport
  /** When `append` and `acknowledged` answer; default `Ack.local`. */
  readonly ack?: Ack
  /** Begins this epoch, which must be larger than the log's. Default: the log's own; a new log begins epoch 1. */
  readonly epoch?: number
  /** Replicas whose places retention keeps from the start, before they say hello. */
  readonly slots?: ReadonlyArray<string>
  /** Bytes a replica may hold back from retention before it has to begin anew; default 1 GiB. */
  readonly maxSlotBytes?: number
  /** Bytes under way to one replica; default 4 MiB. */
  readonly windowBytes?: number
  /** Largest piece in one frame; default and most 512 KiB less a header. */
  readonly pieceBytes?: number
  /** How often a primary says how far it is, and so finds lost frames; default 200. */
  readonly heartbeatMillis?: number
}

/** Where a replica stands, as the primary knows it. Positions are the sequence after the last record. */
export interface ReplicaStatus {
  readonly name: string
  readonly state: LinkState
  readonly received: number
  readonly durable: number
  readonly applied: number
  /** Records, bytes and age of what the primary has synced and the replica has not. */
  readonly lagRecords: number
  readonly lagBytes: number
  readonly lagMillis: number
  /** From the primary's disk to the replica's, over the last 1 024 groups. */
  readonly lagMillisP99: number
  /** False when it held back too much and has to begin anew. */
  readonly holdsRetention: boolean
  /** What last went wrong on the way to it. */
  readonly failure: unknown
}

/** The one writer of a log, and what its replicas know. */
export interface Primary {
  readonly log: WritableLog
  readonly epoch: number
  /** The sequence below which everything is acknowledged at the level asked for. */
  readonly acknowledgedTo: number
  /** Appends a record and waits for its acknowledgement; answers its sequence. */
  readonly append: (record: LogRecord) => Effect.Effect<number, LogFailed | ShippingError>
  /** Appends records as one batch and waits; answers the sequence of the first. */
  readonly appendBatch: (
    records: ReadonlyArray<LogRecord>
  ) => Effect.Effect<number, LogFailed | ShippingError>
  /** Answers when the record of this sequence is acknowledged; all who wait for one group share one promise. */
  readonly acknowledged: (sequence: number) => Effect.Effect<void, LogFailed | ShippingError>
  readonly replicas: Effect.Effect<ReadonlyArray<ReplicaStatus>>
  /** Ends this primary because `epoch` has begun elsewhere: appends are refused from here on. */
  readonly depose: (epoch: number) => Effect.Effect<void, LogFailed>
  /** Answers the larger epoch when this primary is deposed. */
  readonly deposed: Effect.Effect<number>
}

class Arrived extends Message.Class<Arrived>()("Arrived", { payload: { bytes: Schema.Uint8Array } }) {}
class Advanced extends Message.Class<Advanced>()("Advanced") {}
class Tick extends Message.Class<Tick>()("Tick") {}

/** The actor that owns what goes to one replica: a message for each group of records and for each answer. */
const Sender = Actor.make("@troupe/storage/shipping/Sender", [Arrived, Advanced, Tick])

const windowFrames = 256
let primaries = 0

/**
 * Ships an open log to replicas until the scope closes.
 *
 * Only what the primary has synced is sent, so a primary that dies and comes back in the same epoch has all its replicas
 * have. With `epoch` the new epoch is on disk before this answers. The same protocol shape as PostgreSQL's streaming
 * replication, with Kafka's leader epochs.
 */
const make = Effect.fn("Primary.make")(function* (
  options: PrimaryOptions
): Effect.fn.Return<Primary, LogFailed | ShippingError, Scope.Scope> {
  const { log, transport } = options
  if (log.durability !== "disk") {
    return yield* Effect.die(
      new TypeError('a primary ships what is synced: open its log with durability "disk"')
    )
  }
  const ack = options.ack ?? local
  const maxSlotBytes = options.maxSlotBytes ?? 1024 * 1024 * 1024
  const heartbeatMillis = options.heartbeatMillis ?? 200
  const window = {
    bytes: options.windowBytes ?? 4 * 1024 * 1024,
    frames: windowFrames,
    pieceBytes: Math.min(options.pieceBytes ?? pieceBytesMax, pieceBytesMax)
  }
  const scope = yield* Scope.Scope
  const system = yield* actorsAround
  const withActors = Effect.provideService(ActorSystem, system)
  const isNew = log.epoch === 0 && log.nextSequence === 1
  const wanted = options.epoch ?? (isNew ? 1 : undefined)
  const fs = yield* FileSystem
  const attempt = <A>(run: () => A): Effect.Effect<A, LogFailed> =>
    Effect.mapError(Log.attempt(run), asFailed)
  const note = yield* attempt(() => readReplicaNote(fs, log.raw.directory))
  if (note.epoch > (wanted ?? log.epoch)) {
    const reason = new Fenced({ epoch: wanted ?? log.epoch, newer: note.epoch })
    return yield* new ShippingError({ operation: "begin as primary", reason })
  }
  if (wanted !== undefined && wanted !== log.epoch) {
    yield* attempt(() => log.beginEpoch(wanted))
    yield* log.flush
  }
  const { epoch } = log
  const epochs: ReadonlyArray<EpochStart> = yield* attempt(() =>
    readEpochs(log.raw.segments, log.raw.bytesAt)
  )
  const groups = new AckGroups<LogFailed | ShippingError>()
  const links = new Map<
    string,
    { readonly link: ReplicaLink; readonly arrived: (bytes: Uint8Array) => Effect.Effect<void> }
  >()
  const deposedBy = yield* Deferred.make<number>()
  const id = `${logIdText(log.raw.logId)}/${epoch}/${++primaries}`
  const advances: Array<() => void> = []
  let acked = ack._tag === "Local" ? log.endSequence : 0

  const settle = (): void => {
    const positions = [...links.values()].map(({ link }) => link.positions)
    acked = Math.max(acked, acknowledgedTo(ack, log.endSequence, positions))
    groups.settle(acked)
  }

  // Only what replicas have synced may never be cut from a primary that was deposed.
  const committed = (): number => (ack._tag === "Durable" ? Math.max(acked, note.committed) : note.committed)

  const depose = (newer: number): Effect.Effect<void, LogFailed> =>
    attempt(() => {
      if (newer <= epoch || isDeposed()) return
      // Those who wait hear why before the log's own refusal reaches them.
      groups.fail(new ShippingError({ operation: "append", reason: new Fenced({ epoch, newer }) }))
      log.fence(newer)
      Deferred.doneUnsafe(deposedBy, Effect.succeed(newer))
      writeReplicaNote(fs, log.raw.directory, { epoch: newer, committed: committed() })
    })

  const isDeposed = (): boolean => Deferred.isDoneUnsafe(deposedBy)

  const sender = Effect.fnUntraced(function* (link: ReplicaLink) {
    const common = () => ({ logId: log.raw.logId, epoch, session: link.outgoing?.session ?? 0 })
    const send = (frame: Frame): Effect.Effect<boolean> =>
      transport.toReplica(link.name, encodeFrame(frame)).pipe(
        Effect.as(true),
        Effect.catch((error) =>
          Effect.sync(() => {
            link.failure = error
            return false
          })
        )
      )
    const bytesFrame = (
      at: { readonly segment: number; readonly position: number },
      piece: Uint8Array
    ): Frame => ({
      _tag: "Bytes",
      ...common(),
      at,
      endSequence: log.endSequence,
      endTimeMillis: Number.isFinite(log.lastTimeMillis) ? log.lastTimeMillis : 0,
      committed: committed(),
      ackReceived: ack._tag === "Received",
      piece
    })
    const pump = Effect.gen(function* () {
      while (link.outgoing !== undefined && !isDeposed()) {
        const { outgoing } = link
        const piece = yield* Log.attempt(() => outgoing.piece(log.raw)).pipe(
          Effect.catch((error) =>
            Effect.sync(() => {
              link.failure = error
              return { _tag: "Nothing" } as const
            })
          )
        )
        if (piece._tag === "Nothing") return
        if (piece._tag === "Gone") {
          // Retention took what it needs: silence makes it say hello again, and it begins anew.
          link.outgoing = undefined
          link.state = "absent"
          return
        }
        if (!(yield* send(bytesFrame(piece.at, piece.bytes)))) return
        outgoing.sent(piece.at, piece.bytes.length)
      }
    })
    const welcome = Effect.fnUntraced(function* (hello: Hello) {
      const answer = link.hello(hello, log.raw, epochs, epoch, window)
      if (answer === undefined) return
      if (answer.decision === "depose") return yield* depose(hello.epoch)
      const decision = {
        refuse: welcomeDecision.otherLog,
        stream: welcomeDecision.stream,
        snapshotBehind: welcomeDecision.snapshotBehind,
        snapshotDiverged: welcomeDecision.snapshotDiverged
      }[answer.decision]
      settle()
      yield* send({
        _tag: "Welcome",
        ...common(),
        session: hello.session,
        decision,
        heartbeatMillis,
        point: answer.point
      })
      yield* pump
    })
    const failed = (error: unknown) =>
      Effect.sync(() => {
        link.failure = error
      })
    const take = Effect.fnUntraced(function* (bytes: Uint8Array) {
      const frame = decodeFrame(bytes)
      if (frame._tag === "Damaged") {
        link.failure = new Error(`a frame from ${link.name} was dropped: ${frame.reason}`)
        return
      }
      const nowMillis = yield* Clock.currentTimeMillis
      link.heardMillis = nowMillis
      if (frame.epoch > epoch) return yield* depose(frame.epoch)
      if (isDeposed()) return
      if (frame._tag === "Hello") return yield* welcome(frame)
      if (frame._tag !== "Ack" || !link.answered(frame)) return
      link.lag.reached(frame.durable, nowMillis)
      settle()
      yield* pump
    })
    const tick = Effect.gen(function* () {
      if (link.outgoing === undefined || isDeposed()) return
      yield* send(bytesFrame(link.outgoing.next, new Uint8Array(0)))
      yield* pump
    })
    let woken = false
    const advanced = Effect.suspend(() => {
      woken = false
      return Effect.flatMap(Clock.currentTimeMillis, (nowMillis) => {
        link.lag.note(log.endSequence, nowMillis)
        return pump
      })
    })
    const ref = yield* Sender.spawn(
      `${id}/${link.name}`,
      Effect.gen(function* () {
        const self = yield* Sender.self
        yield* self.tell(new Tick()).pipe(Effect.delay(heartbeatMillis), Effect.forever, Effect.forkScoped)
        return Sender.of({
          Arrived: ({ bytes }) => Effect.catch(take(bytes), failed),
          Advanced: () => advanced,
          Tick: () => tick
        })
      }),
      { supervision: Supervision.resume, drain: 0 }
    ).pipe(withActors, Scope.provide(scope))
    advances.push(() => {
      if (woken) return
      woken = true
      Effect.runFork(ref.tell(new Advanced()))
    })
    return (bytes: Uint8Array) => ref.tell(new Arrived({ bytes }))
  })

  const joining = yield* Semaphore.make(1)
  const join = Effect.fnUntraced(function* (name: string) {
    const known = links.get(name)
    if (known !== undefined) return known
    const link = new ReplicaLink(name)
    const arrived = yield* sender(link)
    const entry = { link, arrived }
    links.set(name, entry)
    return entry
  })
  const linkOf = (name: string) => {
    const known = links.get(name)
    return known === undefined ? joining.withPermit(join(name)) : Effect.succeed(known)
  }

  for (const name of options.slots ?? []) yield* linkOf(name)

  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const stop = log.onAdvance(() => {
        if (log.failure !== undefined) groups.fail(log.failure)
        settle()
        for (const wake of advances) wake()
      })
      const release = log.hold(() => {
        const held = [...links.values()].map(({ link }) => link.holdsFrom(log.raw, maxSlotBytes))
        const known = held.filter((from) => from !== undefined)
        return known.length === 0 ? undefined : Math.min(...known)
      })
      return () => {
        stop()
        release()
      }
    }),
    (stop) => Effect.sync(stop)
  )
  yield* transport.onPrimary((from, bytes) => Effect.flatMap(linkOf(from), ({ arrived }) => arrived(bytes)))

  const acknowledged = (sequence: number): Effect.Effect<void, LogFailed | ShippingError> =>
    Effect.suspend(() => {
      if (sequence < acked) return Effect.void
      if (isDeposed()) return groups.wait(sequence, log.nextSequence)
      if (log.failure !== undefined) return Effect.fail(log.failure)
      if (ack._tag === "Local") return log.durable(sequence)
      return groups.wait(sequence, log.nextSequence)
    })
  const appending = (run: () => number, count: number): Effect.Effect<number, LogFailed | ShippingError> =>
    Effect.suspend(() => {
      if (isDeposed()) return Effect.as(groups.wait(0, 1), 0)
      return Effect.flatMap(attempt(run), (first) => Effect.as(acknowledged(first + count - 1), first))
    })

  return {
    log,
    epoch,
    get acknowledgedTo() {
      return ack._tag === "Local" ? log.endSequence : acked
    },
    append: (record) => appending(() => log.append(record), 1),
    appendBatch: (records) => appending(() => log.appendBatch(records), records.length),
    acknowledged,
    replicas: Effect.map(Clock.currentTimeMillis, (nowMillis) =>
      [...links.values()].map(({ link }) => ({
        name: link.name,
        state: link.state,
        ...link.positions,
        lagRecords: Math.max(0, log.endSequence - link.positions.durable),
        lagBytes: link.lagBytes(log.raw),
        lagMillis: link.lag.nowMillis(nowMillis),
        lagMillisP99: link.lag.percentileMillis(0.99),
        holdsRetention: link.holds,
        failure: link.failure
      }))
    ),
    depose,
    deposed: Deferred.await(deposedBy)
  }
})

const asFailed = (error: { readonly _tag: string }): LogFailed =>
  error instanceof LogFailed
    ? error
    : new LogFailed({ operation: "ship", file: "log", code: "EBADMSG", cause: error })

/** Ships an open log to its replicas. */
export const Primary = { make }
