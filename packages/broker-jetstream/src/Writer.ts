import { type Msg, nuid } from "@nats-io/transport-node"
import {
  type Appended,
  type AppendRequest,
  BrokerError,
  Conflict,
  type ScheduledAppend
} from "@troupe/broker"
import {
  type Candidate,
  groupRecordsMax,
  malformed,
  readRequest,
  readScheduled,
  refusalError,
  rejectedError,
  type TopicSettings
} from "@troupe/broker/backend"
import * as Effect from "effect/Effect"
import { type ApiRefusal, asking, refused, silent } from "./ApiFailure.ts"
import type { Connection } from "./Connection.ts"
import type { Exchange } from "./ReplyWindow.ts"
import type { Place } from "./StreamLayout.ts"
import { toHeaders } from "./WireRecord.ts"

/** What the server answers to a publish. */
interface PublishAnswer {
  readonly seq: number
  readonly duplicate?: boolean
  readonly error?: ApiRefusal
}

const wrongLastSequence = 10071
/** The id of no record: ids have no spaces. */
const impossibleId = "no such id"
const question: Candidate = {
  subject: "",
  data: new Uint8Array(0),
  headers: {},
  messageId: undefined,
  expectLast: undefined,
  expectLastOn: undefined,
  ttlMillis: undefined,
  rollup: false,
  schedule: undefined
}
const text = new TextDecoder()

const toAnswer = (message: Msg): PublishAnswer => JSON.parse(text.decode(message.data))

/** The check a candidate asks for. */
const checkOf = (candidate: Candidate) =>
  candidate.expectLast === undefined
    ? candidate.expectLastOn
    : { subject: candidate.subject, sequence: candidate.expectLast }

/** Appends to one topic. */
export class Writer {
  private readonly connection: Connection
  private readonly place: Place
  private readonly settings: TopicSettings
  private readonly replicas: 1 | 3
  private readonly operation: string
  private readonly full: (subject: string) => string

  constructor(connection: Connection, place: Place, settings: TopicSettings, replicas: 1 | 3) {
    this.replicas = replicas
    this.connection = connection
    this.place = place
    this.settings = settings
    this.operation = `append to ${place.topic}`
    this.full = (subject) => `${place.subjectPrefix}${subject}`
  }

  /** One record, published at the moment the effect runs: calls of one fiber are accepted in their order. */
  append(request: AppendRequest): Effect.Effect<Appended, BrokerError> {
    return Effect.suspend(() => this.appendOne(readRequest(request)))
  }

  /** One record that waits for its moment; the server appends it then. */
  appendAt(request: ScheduledAppend): Effect.Effect<Appended, BrokerError> {
    return Effect.suspend(() => this.appendOne(readScheduled(request)))
  }

  private appendOne(candidate: Candidate): Effect.Effect<Appended, BrokerError> {
    return Effect.suspend(() => {
      const refusal = malformed(candidate, this.settings)
      if (refusal !== undefined) return Effect.fail(refusalError(refusal, this.operation))
      return this.exchange(
        (reply) => this.publish(candidate, { reply }),
        (answer) => this.verdict(candidate, answer)
      )
    })
  }

  /** All records or none, in one round trip: an atomic batch whose last message asks for the verdict. */
  appendAll(requests: ReadonlyArray<AppendRequest>): Effect.Effect<ReadonlyArray<number>, BrokerError> {
    return Effect.suspend(() => {
      const candidates = requests.map(readRequest)
      const problem = this.badGroup(candidates)
      if (problem !== undefined) return Effect.fail(problem)
      const [first] = candidates
      if (first === undefined) return Effect.succeed([])
      if (candidates.length === 1) return this.appendAlone(first)
      const id = nuid.next()
      return this.exchange(
        (reply) => {
          candidates.forEach((candidate, index) => {
            const position = { "Nats-Batch-Id": id, "Nats-Batch-Sequence": `${index + 1}` }
            if (index < candidates.length - 1) this.publish(candidate, { extra: position })
            else this.publish(candidate, { reply, extra: { ...position, "Nats-Batch-Commit": "1" } })
          })
        },
        (answer) => this.groupVerdict(candidates, answer)
      )
    })
  }

  /** Succeeds once a server answers for this topic. */
  get reachable(): Effect.Effect<void, BrokerError> {
    return Effect.asVoid(this.ask("reachable", { "Nats-Expected-Stream": "no-such-stream" }))
  }

  private publish(
    candidate: Candidate,
    options: { readonly reply?: string; readonly extra?: Readonly<Record<string, string>> }
  ): void {
    const headers = toHeaders(candidate, this.full, options.extra)
    this.connection.nats.publish(this.full(candidate.subject), candidate.data, {
      ...(options.reply === undefined ? {} : { reply: options.reply }),
      ...(headers === undefined ? {} : { headers })
    })
  }

  private exchange<A>(
    write: Exchange["write"],
    verdict: (answer: PublishAnswer) => Effect.Effect<A, BrokerError>
  ): Effect.Effect<A, BrokerError> {
    return Effect.callback((resume) => {
      const forget = this.connection.writes.start({
        write,
        receive: (message) => {
          resume(verdict(toAnswer(message)))
          return true
        },
        fail: (silence, cause) => {
          const failure = Effect.fail(silent(this.operation, silence, cause))
          resume(silence === "noResponders" ? Effect.andThen(this.exists, failure) : failure)
        }
      })
      return Effect.sync(forget)
    })
  }

  private get exists() {
    return asking(this.operation, () => this.connection.manager.streams.info(this.place.stream))
  }

  private verdict(candidate: Candidate, answer: PublishAnswer): Effect.Effect<Appended, BrokerError> {
    if (answer.error === undefined) {
      return Effect.succeed({ sequence: answer.seq, duplicate: answer.duplicate === true })
    }
    if (answer.error.err_code !== wrongLastSequence) return Effect.fail(refused(this.operation, answer.error))
    const conflict = Effect.fail(this.conflict(checkOf(candidate), answer.error))
    if (candidate.messageId === undefined) return conflict
    return Effect.flatMap(this.firstOf(candidate, candidate.messageId), (first) =>
      first === undefined ? conflict : Effect.succeed({ sequence: first, duplicate: true })
    )
  }

  /**
   * The sequence under which an id was stored, if it is remembered. A single node checks expectations before ids, and the
   * port wants ids first. So after a lost check this asks with an append that cannot be stored: its id is looked up, and
   * then the id it expects of the last record is one that no record has.
   *
   * A cluster looks at ids first by itself, so there is nothing to ask; and it must not be asked: a refused
   * `Nats-Expected-Last-Msg-Id` makes a replicated stream of nats-server 2.15.1 stop answering appends.
   */
  private firstOf(candidate: Candidate, messageId: string): Effect.Effect<number | undefined, BrokerError> {
    if (this.replicas > 1) return Effect.succeed(undefined)
    return Effect.map(
      this.ask(candidate.subject, { "Nats-Msg-Id": messageId, "Nats-Expected-Last-Msg-Id": impossibleId }),
      ({ duplicate, seq }) => (duplicate === true ? seq : undefined)
    )
  }

  /** An append that the server will refuse. */
  private ask(subject: string, expecting: Readonly<Record<string, string>>) {
    return this.exchange(
      (reply) => this.publish({ ...question, subject }, { reply, extra: expecting }),
      (answer) => Effect.succeed(answer)
    )
  }

  private appendAlone(candidate: Candidate): Effect.Effect<ReadonlyArray<number>, BrokerError> {
    return Effect.flatMap(
      this.exchange(
        (reply) => this.publish(candidate, { reply }),
        (answer) => this.verdict(candidate, answer)
      ),
      ({ duplicate, sequence }) =>
        duplicate ? Effect.fail(this.duplicate(candidate.messageId)) : Effect.succeed([sequence])
    )
  }

  private groupVerdict(
    candidates: ReadonlyArray<Candidate>,
    answer: PublishAnswer
  ): Effect.Effect<ReadonlyArray<number>, BrokerError> {
    const { error, seq } = answer
    if (error === undefined) {
      const first = seq - candidates.length + 1
      return Effect.succeed(candidates.map((_, index) => first + index))
    }
    if (error.err_code !== wrongLastSequence) return Effect.fail(refused(this.operation, error))
    return Effect.andThen(this.noneKnown(candidates), this.lostCheck(candidates, error))
  }

  /** Fails when an id of a refused group was stored before: that is said first. */
  private noneKnown(candidates: ReadonlyArray<Candidate>): Effect.Effect<void, BrokerError> {
    return Effect.forEach(
      candidates.filter(({ messageId }) => messageId !== undefined),
      (candidate) =>
        Effect.flatMap(this.firstOf(candidate, candidate.messageId as string), (first) =>
          first === undefined ? Effect.void : Effect.fail(this.duplicate(candidate.messageId))
        ),
      { concurrency: 64, discard: true }
    )
  }

  /** Which check of a group it was that did not hold; the server says only that one did not. */
  private lostCheck(
    candidates: ReadonlyArray<Candidate>,
    error: ApiRefusal
  ): Effect.Effect<never, BrokerError> {
    const checks = candidates.map(checkOf).filter((check) => check !== undefined)
    if (checks.length === 1) return Effect.fail(this.conflict(checks[0], error))
    const { manager } = this.connection
    return Effect.flatMap(
      Effect.forEach(
        checks,
        (check) =>
          Effect.map(
            asking(this.operation, () =>
              manager.streams.getMessage(this.place.stream, { last_by_subj: this.full(check.subject) })
            ),
            (last) => ({ check, actual: last?.seq ?? 0 })
          ),
        { concurrency: 16 }
      ),
      (found) => {
        const lost = found.find(({ actual, check }) => actual !== check.sequence)
        return Effect.fail(this.conflict(lost?.check ?? checks[0], error, lost?.actual))
      }
    )
  }

  private conflict(
    check: { readonly subject: string; readonly sequence: number } | undefined,
    error: ApiRefusal,
    known?: number
  ): BrokerError {
    const said = /wrong last sequence: (\d+)/.exec(error.description)?.[1]
    const actual = known ?? (said === undefined ? undefined : Number(said))
    const { subject, sequence } = check ?? { subject: "", sequence: 0 }
    return new BrokerError({
      operation: this.operation,
      reason: new Conflict({ subject, expected: sequence, ...(actual === undefined ? {} : { actual }) }),
      detail: `Expected the last sequence of "${subject}" to be ${sequence}${actual === undefined ? "" : `, it is ${actual}`}: read again and decide again.`
    })
  }

  private duplicate(messageId: string | undefined): BrokerError {
    return rejectedError(
      "duplicate",
      this.operation,
      `The id "${messageId}" was appended before: nothing of this call is stored.`
    )
  }

  private badGroup(candidates: ReadonlyArray<Candidate>): BrokerError | undefined {
    if (candidates.length > groupRecordsMax) {
      return rejectedError(
        "count",
        this.operation,
        `${candidates.length} records in one call, at most ${groupRecordsMax}: append them in parts.`
      )
    }
    const written = new Set<string>()
    const ids = new Set<string>()
    for (const candidate of candidates) {
      const refusal = malformed(candidate, this.settings)
      if (refusal !== undefined) return refusalError(refusal, this.operation)
      const check = checkOf(candidate)
      if (check !== undefined && written.has(check.subject)) {
        return rejectedError(
          "expectation",
          this.operation,
          `"${check.subject}" is written earlier in the same call: check it on its first record.`
        )
      }
      written.add(candidate.subject)
      const { messageId } = candidate
      if (messageId === undefined) continue
      if (ids.has(messageId)) return this.duplicate(messageId)
      ids.add(messageId)
    }
    return undefined
  }
}
