import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { AnyDecision, Command, Decider } from "./Decider.ts"
import type { History, Journal, JournalEntry } from "./Journal.ts"
import { JournalDamaged, JournalError } from "./JournalError.ts"
import type * as Message from "./Message.ts"
import { RememberedCommands } from "./RememberedCommands.ts"
import { RestartRequired } from "./RestartRequired.ts"
import type { SnapshotPolicy } from "./SnapshotPolicy.ts"

/** One history as one incarnation of its actor knows it: the state, how far it goes, and how to take it further. */
export class Ledger<State> {
  private readonly decider: Decider<State>
  private readonly journal: Journal["Service"]
  private readonly history: History
  private readonly snapshotPolicy: SnapshotPolicy | undefined
  /** In which snapshots are saved. */
  private readonly scope: Scope.Scope
  private readonly remembered: RememberedCommands
  private state: State
  /** Of the last entry. */
  private sequence = 0
  private sinceSnapshot = 0
  private saving = false

  constructor(options: {
    readonly decider: Decider<State>
    readonly journal: Journal["Service"]
    readonly history: History
    readonly scope: Scope.Scope
    readonly snapshot: SnapshotPolicy | undefined
    readonly rememberCommands: number
  }) {
    this.decider = options.decider
    this.journal = options.journal
    this.history = options.history
    this.scope = options.scope
    this.snapshotPolicy = options.snapshot
    this.remembered = new RememberedCommands(options.rememberCommands)
    this.state = options.decider.initial()
  }

  /** Reads the newest snapshot that fits the state's schema, and the entries after it. */
  readonly open: Effect.Effect<void, JournalError> = Effect.suspend(() =>
    Effect.flatMap(this.journal.snapshot(this.history), (snapshot) => {
      if (Option.isNone(snapshot)) return Effect.void
      const { commands, sequence, state } = snapshot.value
      const kept = this.decider.states.decode(state)
      if (Exit.isFailure(kept)) {
        // The state's schema changed: the history makes it anew.
        return Effect.logWarning(`a snapshot of ${this.name} does not fit its schema`, kept.cause)
      }
      this.state = kept.value
      this.sequence = sequence
      for (const command of commands) this.remembered.add(command)
      return Effect.void
    })
  ).pipe(
    Effect.andThen(
      Effect.suspend(() =>
        Stream.runForEachArray(this.journal.read(this.history, this.sequence), (entries) =>
          this.replay(entries)
        )
      )
    )
  )

  /** Decides a command and stores what it leads to, once. */
  handle(command: Command<State>, message: Message.Any): Effect.Effect<unknown, unknown> {
    const id = command.idOf?.(message)
    const known = id === undefined ? undefined : this.remembered.replyTo(id)
    if (known !== undefined) {
      const answer = command.replies.decode(known)
      return Exit.isSuccess(answer)
        ? answer
        : Effect.die(
            this.damaged(`The answer of ${id} does not fit the schema of today's answers.`, answer.cause)
          )
    }
    const decided = command.decide(this.state, message)
    return Effect.isEffect(decided)
      ? Effect.flatMap(decided, (decision) => this.commit(decision, command, id))
      : this.commit(decided, command, id)
  }

  private commit(
    decision: AnyDecision<State>,
    command: Command<State>,
    id: string | undefined
  ): Effect.Effect<unknown> {
    if (decision.events.length === 0) return Effect.succeed(decision.reply(this.state))
    const next = this.decider.fold(this.state, decision.events)
    const answer = decision.reply(next)
    const journaled =
      id === undefined ? undefined : { command: { id, reply: command.replies.encode(answer) } }
    const append = this.journal.append(this.history, {
      expected: this.sequence,
      events: this.decider.events.encode(decision.events),
      ...journaled
    })
    return Effect.matchEffect(append, {
      onFailure: (error) => Effect.die(new RestartRequired(error, isRetryable(error, id))),
      onSuccess: (sequence): Effect.Effect<unknown> => {
        this.state = next
        this.sequence = sequence
        this.sinceSnapshot += decision.events.length
        if (journaled !== undefined) this.remembered.add(journaled.command)
        return this.snapshotIsDue ? Effect.as(this.startSnapshot, answer) : Effect.succeed(answer)
      }
    })
  }

  private replay(entries: ReadonlyArray<JournalEntry>): Effect.Effect<void, JournalError> {
    for (const entry of entries) {
      const events = this.decider.events.decode(entry.events)
      if (Result.isFailure(events)) {
        const { failure } = events
        return Effect.fail(this.damaged(`At sequence ${entry.sequence}, ${failure.message}`, failure))
      }
      this.state = this.decider.fold(this.state, events.success)
      this.sequence = entry.sequence
      this.sinceSnapshot += entry.events.length
      if (entry.command !== undefined) this.remembered.add(entry.command)
    }
    return Effect.void
  }

  private get snapshotIsDue(): boolean {
    return (
      this.snapshotPolicy !== undefined && !this.saving && this.sinceSnapshot >= this.snapshotPolicy.events
    )
  }

  /** Saves the state of now beside the actor. */
  private readonly startSnapshot: Effect.Effect<void> = Effect.suspend(() => {
    this.saving = true
    this.sinceSnapshot = 0
    return Effect.asVoid(Effect.forkIn(this.saveSnapshot, this.scope, { startImmediately: true }))
  })

  private readonly saveSnapshot: Effect.Effect<void> = Effect.suspend(() =>
    this.journal.saveSnapshot(this.history, {
      sequence: this.sequence,
      state: this.decider.states.encode(this.state),
      commands: this.remembered.all
    })
  ).pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Effect.logWarning(`a snapshot of ${this.name} was not saved`, cause)
    ),
    Effect.ensuring(
      Effect.sync(() => {
        this.saving = false
      })
    )
  )

  private get name(): string {
    return `${this.history.actor}/${this.history.id}`
  }

  private damaged(detail: string, cause: unknown): JournalError {
    return new JournalError({ reason: new JournalDamaged({}), history: this.name, detail, cause })
  }
}

/** True when trying the command again cannot store its events twice. */
const isRetryable = (error: JournalError, commandId: string | undefined): boolean => {
  switch (error.reason._tag) {
    case "JournalConflict":
    case "JournalUnavailable":
      return true
    case "JournalUnknown":
      return commandId !== undefined
    default:
      return false
  }
}
