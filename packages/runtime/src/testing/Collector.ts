import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { PreventSchedulerYield } from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ActorSystem } from "../ActorSystem.ts"
import type { DeadLetter, DeadLetterReason } from "../DeadLetter.ts"
import type { InspectionEvent } from "../Inspection.ts"
import type { ExpectationFailed } from "./ExpectationFailed.ts"
import { Recorder, type Within } from "./Recorder.ts"

/** What a stream of the system has said since the collector was made. */
export interface Collector<out A, out ByKind> {
  /** The next one that was not expected yet, which must be of this kind. */
  readonly expect: <Kind extends keyof ByKind & string>(
    kind: Kind,
    options?: Within
  ) => Effect.Effect<ByKind[Kind], ExpectationFailed>
  /** Lets this time pass, and fails when one comes that nobody has expected. Default 0: no time passes. */
  readonly expectNothing: (within?: Duration.Input) => Effect.Effect<void, ExpectationFailed>
  /** All so far, in order, once nothing is ready to run any more. */
  readonly received: Effect.Effect<ReadonlyArray<A>>
}

const collect = <A, ByKind>(
  name: string,
  of: (system: ActorSystem["Service"]) => Stream.Stream<A>,
  kindOf: (value: A) => string
): Effect.Effect<Collector<A, ByKind>, never, ActorSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const system = yield* ActorSystem
    const recorder = new Recorder<A>(name, (value) => value)
    // Listens from now on: around the fork too, so that the scheduler cannot get in between.
    yield* Stream.runForEach(of(system), (value) => Effect.sync(() => recorder.push(value))).pipe(
      Effect.forkScoped({ startImmediately: true }),
      Effect.provideService(PreventSchedulerYield, true)
    )
    return {
      expect: (kind: string, { within = 0 }: Within = {}) =>
        recorder.next(kind, (value): value is A => kindOf(value) === kind, within),
      expectNothing: (within = 0) => recorder.expectNothing(within),
      received: recorder.received
    } as Collector<A, ByKind>
  })

/** Collects the dead letters of the system from now on; `expect` takes their reason. */
export const deadLetters: Effect.Effect<
  Collector<DeadLetter, { readonly [Reason in DeadLetterReason]: DeadLetter }>,
  never,
  ActorSystem | Scope.Scope
> = collect(
  "dead letters",
  (system) => system.deadLetters,
  ({ reason }) => reason
)

/** Collects what the system's inspection says from now on; `expect` takes the tag. */
export const inspected: Effect.Effect<
  Collector<InspectionEvent, { readonly [E in InspectionEvent as E["_tag"]]: E }>,
  never,
  ActorSystem | Scope.Scope
> = collect(
  "inspection",
  (system) => system.inspection,
  ({ _tag }) => _tag
)
