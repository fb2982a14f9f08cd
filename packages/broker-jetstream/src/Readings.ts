import { type BrokerError, type ReadOptions, Subject, type TopicRecord } from "@troupe/broker"
import { badFilters, badStart, rejectedError } from "@troupe/broker/backend"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { asking, unread } from "./ApiFailure.ts"
import type { Connection } from "./Connection.ts"
import { filterSubjects, singleFilter } from "./ConsumerLayout.ts"
import { feed } from "./Feed.ts"
import type { Place } from "./StreamLayout.ts"
import { fromDirect, toRecord } from "./WireRecord.ts"

/** Records of the first direct get of a read; most reads are shorter and cost one round trip. */
const firstBatch = 256
/** The last moment that a server can parse: the end of the year 9999. */
const latestMillis = 253_402_300_799_000

/** What a direct get answers. */
interface DirectBatch {
  readonly records: ReadonlyArray<TopicRecord>
  /** How many matching records follow. */
  readonly pending: number
}

type DirectRequest =
  | { readonly last_by_subj: string }
  | {
      readonly batch: number
      readonly next_by_subj: string
      readonly seq?: number
      readonly start_time?: string
      readonly max_bytes?: number
    }

/** Reads one topic. */
export class Readings {
  private readonly connection: Connection
  private readonly place: Place
  private readonly replicas: 1 | 3
  private readonly operation: string

  constructor(connection: Connection, place: Place, replicas: 1 | 3) {
    this.connection = connection
    this.place = place
    this.replicas = replicas
    this.operation = `read ${place.topic}`
  }

  /**
   * The first records by one direct get, the rest through a passing consumer: a direct get costs a quarter of the
   * consumer's round trips and half of its throughput.
   */
  read(options: ReadOptions): Stream.Stream<TopicRecord, BrokerError> {
    const { filters, limit = Number.POSITIVE_INFINITY, to = Number.POSITIVE_INFINITY } = options
    return Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const start = yield* this.position(options)
        if (limit < 1 || to < start) return Stream.empty
        const fresh = this.replicas > 1 && options.consistency !== "any"
        const single = singleFilter(this.place, filters)
        if (single === undefined) {
          const until = Math.min(to, yield* this.lastSequence)
          return Stream.take(this.rest({ filters, start, until }), limit)
        }
        const batch = Math.min(limit, firstBatch)
        const { pending, records } = yield* this.direct({
          batch,
          next_by_subj: single,
          seq: start,
          max_bytes: 8_000_000
        })
        const wanted = records.filter(({ sequence }) => sequence <= to)
        const head = Stream.fromArray(wanted)
        const full = wanted.length >= limit || wanted.length < records.length
        if (full || (pending === 0 && !fresh)) return head
        // The end is fixed before anything is handed out: what the reader appends itself does not prolong the read.
        const until = Math.min(to, yield* this.lastSequence)
        const next = (records.at(-1)?.sequence ?? start - 1) + 1
        return head.pipe(Stream.concat(this.rest({ filters, start: next, until })), Stream.take(limit))
      })
    )
  }

  follow(options: ReadOptions): Stream.Stream<TopicRecord, BrokerError> {
    const { filters, limit = Number.POSITIVE_INFINITY, to = Number.POSITIVE_INFINITY } = options
    return Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const start = yield* this.position(options)
        if (limit < 1 || to < start) return Stream.empty
        const all = feed(this.connection, this.place, { filters, start })
        const bounded = Number.isFinite(to)
          ? all.pipe(
              Stream.takeUntil(({ sequence }) => sequence >= to),
              Stream.filter(({ sequence }) => sequence <= to)
            )
          : all
        return Number.isFinite(limit) ? Stream.take(bounded, limit) : bounded
      })
    )
  }

  /** The last record of a concrete subject, from the leader. */
  last(subject: string): Effect.Effect<Option.Option<TopicRecord>, BrokerError> {
    if (!Subject.isSubject(subject)) {
      return Effect.fail(
        rejectedError(
          "subject",
          this.operation,
          `"${subject}" is not a concrete subject: it has no wildcard.`
        )
      )
    }
    const full = `${this.place.subjectPrefix}${subject}`
    return this.replicas === 1
      ? Effect.map(this.direct({ last_by_subj: full }), ({ records }) => Option.fromNullishOr(records[0]))
      : Effect.map(this.fromLeader({ last_by_subj: full }), Option.fromNullishOr)
  }

  /**
   * The last record of each subject. All of them are collected before the first is handed out, because a subject that is
   * written meanwhile is told once, with what is newest.
   */
  lastPerSubject(filter: string): Stream.Stream<TopicRecord, BrokerError> {
    return Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const bad = badFilters([filter], this.operation)
        if (bad !== undefined) return yield* bad
        const filters = [filter]
        const latest = new Map<string, TopicRecord>()
        const all = feed(this.connection, this.place, { filters, start: "lastPerSubject" })
        const keep = (record: TopicRecord) => Effect.sync(() => latest.set(record.subject, record))
        yield* Stream.runForEach(all, keep)
        const seen = Array.from(latest.values(), ({ sequence }) => sequence)
        const start = Math.max(0, ...seen.slice(-1)) + 1
        yield* Stream.runForEach(this.leaderTail(filters, start, yield* this.lastSequence), keep)
        return Stream.fromArray(Array.from(latest.values()).sort((a, b) => a.sequence - b.sequence))
      })
    )
  }

  /** The highest sequence ever given, from the leader. */
  get lastSequence(): Effect.Effect<number, BrokerError> {
    const { connection, operation, place } = this
    return Effect.map(
      asking(operation, () => connection.manager.streams.info(place.stream)),
      ({ state }) => state.last_seq
    )
  }

  /** Where a read or a subscription begins, as a sequence. */
  position(options: Pick<ReadOptions, "from" | "filters">): Effect.Effect<number, BrokerError> {
    const { filters, from } = options
    const bad = badFilters(filters, this.operation) ?? badStart(from, this.operation)
    if (bad !== undefined) return Effect.fail(bad)
    if (from === "first") return Effect.succeed(1)
    if (typeof from === "number") return Effect.succeed(Math.max(1, from))
    return from === "last" ? this.lastMatching(filters) : this.firstSince(from.timeMillis)
  }

  private firstSince(timeMillis: number): Effect.Effect<number, BrokerError> {
    const moment = new Date(Math.min(Math.max(0, Math.ceil(timeMillis)), latestMillis)).toISOString()
    const request = { batch: 1, next_by_subj: `${this.place.subjectPrefix}>`, start_time: moment }
    return Effect.flatMap(this.direct(request), ({ records: [first] }) =>
      first === undefined ? Effect.map(this.lastSequence, (last) => last + 1) : Effect.succeed(first.sequence)
    )
  }

  private lastMatching(filters: ReadonlyArray<string> | undefined): Effect.Effect<number, BrokerError> {
    return Effect.gen({ self: this }, function* () {
      const found = yield* Effect.forEach(
        filterSubjects(this.place, filters),
        (subject) => this.fromLeader({ last_by_subj: subject }),
        { concurrency: 16 }
      )
      const sequences = found.flatMap((record) => (record === undefined ? [] : [record.sequence]))
      return sequences.length > 0 ? Math.max(...sequences) : (yield* this.lastSequence) + 1
    })
  }

  /**
   * From `start` to `until` through a passing consumer. Where it says that nothing more is there, the leader is asked: a follower may be a little
   * behind, and on a single node too the server counts what a consumer with several filters has before it too low now and then
   * (seen with nats-server 2.15.1, about one read in 300 of a topic that was just written).
   */
  private rest(options: {
    readonly filters: ReadonlyArray<string> | undefined
    readonly start: number
    readonly until: number
  }): Stream.Stream<TopicRecord, BrokerError> {
    const { filters, start, until } = options
    if (until < start) return Stream.empty
    let next = start
    const all = feed(this.connection, this.place, { filters, start, until }).pipe(
      Stream.mapArray((records) => {
        next = (records.at(-1)?.sequence ?? next) + 1
        return records
      })
    )
    return Stream.concat(
      all,
      Stream.suspend(() => this.leaderTail(filters, next, until))
    )
  }

  /** Record by record from the leader itself: slow, and seldom more than a few. */
  private leaderTail(
    filters: ReadonlyArray<string> | undefined,
    start: number,
    until: number
  ): Stream.Stream<TopicRecord, BrokerError> {
    if (until < start) return Stream.empty
    return Stream.paginate(start, (seq) =>
      Effect.map(
        Effect.forEach(
          filterSubjects(this.place, filters),
          (next_by_subj) => this.fromLeader({ seq, next_by_subj }),
          { concurrency: 16 }
        ),
        (found) => {
          const [nearest] = found
            .filter((record) => record !== undefined && record.sequence <= until)
            .sort((a, b) => (a?.sequence ?? 0) - (b?.sequence ?? 0))
          return nearest === undefined
            ? [[], Option.none<number>()]
            : [[nearest], Option.some(nearest.sequence + 1)]
        }
      )
    )
  }

  private fromLeader(
    query: { readonly last_by_subj: string } | { readonly seq: number; readonly next_by_subj: string }
  ): Effect.Effect<TopicRecord | undefined, BrokerError> {
    const { connection, operation, place } = this
    return Effect.map(
      asking(operation, () => connection.manager.streams.getMessage(place.stream, query)),
      (message) =>
        message === null
          ? undefined
          : toRecord(
              message.seq,
              message.subject.slice(place.subjectPrefix.length),
              Date.parse(message.timestamp.replace(/(\.\d{3})\d+/, "$1")),
              message.header,
              message.data
            )
    )
  }

  private direct(request: DirectRequest): Effect.Effect<DirectBatch, BrokerError> {
    const { connection, operation, place } = this
    const batched = "batch" in request
    return Effect.callback((resume) => {
      const records: Array<TopicRecord> = []
      const done = (pending: number): true => {
        resume(Effect.succeed({ records, pending }))
        return true
      }
      const forget = connection.reads.start({
        write: (reply) =>
          connection.nats.publish(`$JS.API.DIRECT.GET.${place.stream}`, JSON.stringify(request), { reply }),
        receive: (message) => {
          const code = message.headers?.code ?? 0
          if (code === 204) return done(Number(message.headers?.get("Nats-Num-Pending")))
          if (code === 404) return done(0)
          if (code !== 0) {
            resume(Effect.fail(unread(operation, new Error(`${code} ${message.headers?.description}`))))
            return true
          }
          records.push(fromDirect(message, place.subjectPrefix.length))
          return batched ? false : done(0)
        },
        fail: (silence, cause) => {
          const failure = Effect.fail(unread(operation, cause))
          resume(silence === "noResponders" ? Effect.andThen(this.lastSequence, failure) : failure)
        }
      })
      return Effect.sync(forget)
    })
  }
}
