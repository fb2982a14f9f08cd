/**
 * Which version readers are told to read: a name whose target changes by one compare-and-set.
 *
 * Readers resolve it once a request and read that version to the end of the request. A promotion needs a proof and a version that is not behind; a
 * rollback needs nothing, as the version before is still running (keep it so for a while). Kept in the KeyValue store `view-aliases`.
 */
import { Broker, KeyValue } from "@troupe/broker"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import {
  AliasError,
  type AliasErrorReason,
  AliasMoved,
  AliasUnreadable,
  AlreadyCurrent,
  Behind,
  NothingBefore,
  NotProven,
  UnknownAlias
} from "./AliasError.ts"
import * as AliasRecord from "./AliasRecord.ts"
import { backoff, retrying } from "./Transient.ts"
import { BrokerFailed } from "./ViewError.ts"

export { type AliasState, type Evidence, type Positions, type Target, targetOf } from "./AliasRecord.ts"

/** What an alias says, and since which revision. */
export interface Resolved extends AliasRecord.AliasState {
  readonly revision: number
}

/** A change of an alias to a new version. */
export interface Promotion {
  readonly to: AliasRecord.Target
  /** The proof that the new version is right; without one nothing is promoted. */
  readonly evidence: AliasRecord.Evidence | undefined
  /** The proof must reach at least this source sequence; default 0. */
  readonly provenThrough?: number
  /** Source sequences that the old version (`from`) and the new one (`to`) have folded, and serve. */
  readonly positions: AliasRecord.Positions
  /** The alias must be at this revision: what was decided on is what is changed. Default: what it is now. */
  readonly expectedRevision?: number
}

/** The aliases, open. */
export interface Aliases {
  /** Gives an alias its first target; does nothing when the alias is there, whatever it names. Answers what it says then. */
  readonly begin: (name: string, target: AliasRecord.Target) => Effect.Effect<Resolved, AliasError>
  /** What the alias says now: one request. Fails with `UnknownAlias`. */
  readonly resolve: (name: string) => Effect.Effect<Resolved, AliasError>
  /** What the alias says, and every change of it from then on; waits for an alias that is not there. Never ends. */
  readonly watch: (name: string) => Stream.Stream<Resolved, AliasError>
  /**
   * Makes a new version current, by one compare-and-set. Fails, changing nothing, with `NotProven`, `Behind`, `AlreadyCurrent`, `AliasMoved` (of
   * several at once one wins) or `UnknownAlias`. A lost answer is found out, so a success is exactly one change.
   */
  readonly promote: (name: string, promotion: Promotion) => Effect.Effect<Resolved, AliasError>
  /**
   * Makes the version before current again, by one compare-and-set; the targets are then those from before the last promotion, so a second
   * rollback goes one further back. Fails with `NothingBefore`, `AliasMoved` or `UnknownAlias`.
   */
  readonly rollback: (
    name: string,
    options?: { readonly expectedRevision?: number }
  ) => Effect.Effect<Resolved, AliasError>
  /** The last 16 changes, oldest first. Fails with `UnknownAlias`. */
  readonly history: (name: string) => Effect.Effect<ReadonlyArray<Resolved>, AliasError>
}

const notProven = (promotion: Promotion): NotProven | undefined => {
  const { evidence, provenThrough = 0, to } = promotion
  if (evidence === undefined) return new NotProven({ why: "missing", found: "there is no evidence" })
  const { differences, digest, proved, through } = evidence
  if (digest !== to.digest) {
    return new NotProven({
      why: "otherDigest",
      found: `the evidence is about digest ${digest}, the version has ${to.digest}`
    })
  }
  if (differences !== 0) {
    return new NotProven({ why: "differences", found: `${differences} differences were left over` })
  }
  if (!proved) return new NotProven({ why: "notProved", found: "the comparison did not come to its end" })
  if (through < provenThrough) {
    return new NotProven({ why: "stale", found: `it was compared up to ${through}, not ${provenThrough}` })
  }
  return undefined
}

const make = (store: KeyValue.KeyValue): Aliases => {
  const fail = (name: string, reason: AliasErrorReason) =>
    Effect.fail(new AliasError({ alias: name, reason }))
  const brokerFailed = (name: string) => (error: ConstructorParameters<typeof BrokerFailed>[0]["error"]) =>
    new AliasError({ alias: name, reason: new BrokerFailed({ error }) })

  const toResolved = (name: string, entry: KeyValue.Entry): Effect.Effect<Resolved, AliasError> => {
    const { revision } = entry
    const state = AliasRecord.decode(entry.value)
    return state === undefined
      ? fail(name, new AliasUnreadable({ revision }))
      : Effect.succeed({ ...state, revision })
  }

  const find = Effect.fnUntraced(function* (name: string) {
    const entry = yield* Effect.mapError(retrying(store.get(name)), brokerFailed(name))
    return Option.isNone(entry) ? undefined : yield* toResolved(name, entry.value)
  })

  const resolve = Effect.fnUntraced(function* (name: string) {
    return (yield* find(name)) ?? (yield* fail(name, new UnknownAlias()))
  })

  const entries = Effect.fnUntraced(function* (name: string) {
    const kept = yield* Effect.mapError(retrying(Stream.runCollect(store.history(name))), brokerFailed(name))
    return yield* Effect.forEach(
      kept.filter(({ operation }) => operation === "put"),
      (entry) => toResolved(name, entry)
    )
  })

  const history = Effect.fnUntraced(function* (name: string) {
    const changes = yield* entries(name)
    return changes.length === 0 ? yield* fail(name, new UnknownAlias()) : changes
  })

  const stamp = Effect.gen(function* () {
    // Not from `Random`: two processes with one seed would take each other's change for their own.
    return { id: crypto.randomUUID(), promotedAtMillis: Math.floor(yield* Clock.currentTimeMillis) }
  })

  /** One compare-and-set behind `revision`, 0 for a new alias; `undefined` when somebody else was first. */
  const change = Effect.fnUntraced(function* (name: string, state: AliasRecord.AliasState, revision: number) {
    const value = AliasRecord.encode(state)
    const written = yield* (
      revision === 0 ? store.create(name, value) : store.update(name, value, revision)
    ).pipe(
      Effect.retry({ schedule: backoff, while: (error) => error.isTransient }),
      Effect.catchReason("BrokerError", "Conflict", () => Effect.succeed(undefined)),
      Effect.mapError(brokerFailed(name))
    )
    if (written !== undefined) return { ...state, revision: written }
    // A try that got no answer may be what is in the way; it may even have been followed by another change.
    return (yield* entries(name)).find(({ id }) => id === state.id)
  })

  const changed = Effect.fnUntraced(function* (
    name: string,
    state: AliasRecord.AliasState,
    expected: number
  ) {
    const mine = yield* change(name, state, expected)
    if (mine !== undefined) return mine
    const { revision: actual } = yield* resolve(name)
    return yield* fail(name, new AliasMoved({ expected, actual }))
  })

  const at = Effect.fnUntraced(function* (name: string, expectedRevision: number | undefined) {
    const now = yield* resolve(name)
    if (expectedRevision === undefined || expectedRevision === now.revision) return now
    return yield* fail(name, new AliasMoved({ expected: expectedRevision, actual: now.revision }))
  })

  return {
    resolve,
    history,
    begin: Effect.fnUntraced(function* (name, target) {
      const there = yield* find(name)
      if (there !== undefined) return there
      return (yield* change(name, AliasRecord.begun(target, yield* stamp), 0)) ?? (yield* resolve(name))
    }),
    watch: (name) =>
      store.watch(name).pipe(
        Stream.mapError(brokerFailed(name)),
        Stream.filter((event) => event._tag === "Entry" && event.entry.operation === "put"),
        Stream.mapEffect((event) =>
          event._tag === "Entry" ? toResolved(name, event.entry) : Effect.die("not an entry")
        )
      ),
    promote: Effect.fnUntraced(function* (name, promotion) {
      const now = yield* at(name, promotion.expectedRevision)
      const { evidence, positions, to } = promotion
      if (AliasRecord.isSame(now.current, to)) {
        return yield* fail(name, new AlreadyCurrent({ target: to, revision: now.revision }))
      }
      const unproven = notProven(promotion)
      if (unproven !== undefined || evidence === undefined) {
        return yield* fail(name, unproven ?? new NotProven({ why: "missing", found: "there is no evidence" }))
      }
      if (positions.to < positions.from) return yield* fail(name, new Behind(positions))
      const next = AliasRecord.promoted(now, { to, evidence, positions }, yield* stamp)
      return yield* changed(name, next, now.revision)
    }),
    rollback: Effect.fnUntraced(function* (name, options) {
      const now = yield* at(name, options?.expectedRevision)
      const next = AliasRecord.rolledBack(now, yield* stamp)
      return next === undefined
        ? yield* fail(name, new NothingBefore())
        : yield* changed(name, next, now.revision)
    })
  }
}

/** Opens the aliases: what answers requests does it once. The functions of this module open them at each call. */
export const open: Effect.Effect<Aliases, AliasError, Broker> = Effect.gen(function* () {
  const broker = yield* Broker
  const store = yield* retrying(KeyValue.open({ name: "view-aliases", history: 16 })).pipe(
    Effect.provideService(Broker, broker),
    Effect.mapError((error) => new AliasError({ alias: "*", reason: new BrokerFailed({ error }) }))
  )
  return make(store)
})

/** `Aliases.begin` */
export const begin = (
  name: string,
  target: AliasRecord.Target
): Effect.Effect<Resolved, AliasError, Broker> =>
  Effect.flatMap(open, (aliases) => aliases.begin(name, target))

/** `Aliases.resolve` */
export const resolve = (name: string): Effect.Effect<Resolved, AliasError, Broker> =>
  Effect.flatMap(open, (aliases) => aliases.resolve(name))

/** `Aliases.watch` */
export const watch = (name: string): Stream.Stream<Resolved, AliasError, Broker> =>
  Stream.unwrap(Effect.map(open, (aliases) => aliases.watch(name)))

/** `Aliases.promote` */
export const promote = (name: string, promotion: Promotion): Effect.Effect<Resolved, AliasError, Broker> =>
  Effect.flatMap(open, (aliases) => aliases.promote(name, promotion))

/** `Aliases.rollback` */
export const rollback = (
  name: string,
  options?: { readonly expectedRevision?: number }
): Effect.Effect<Resolved, AliasError, Broker> =>
  Effect.flatMap(open, (aliases) => aliases.rollback(name, options))

/** `Aliases.history` */
export const history = (name: string): Effect.Effect<ReadonlyArray<Resolved>, AliasError, Broker> =>
  Effect.flatMap(open, (aliases) => aliases.history(name))
