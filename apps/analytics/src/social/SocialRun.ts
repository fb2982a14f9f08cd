import { Archive, type BatchError } from "@troupe/batch"
import type { Broker, BrokerError, Topic } from "@troupe/broker"
import type { ActorSystem } from "@troupe/runtime"
import { Alias, type ViewError } from "@troupe/views"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Aggregate from "./Aggregate.ts"
import * as Edition from "./Edition.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Questions from "./Questions.ts"

/** The name under which readers ask for the feed's answers; an alias says which edition gives them. */
export const aliasName = "social"

/** The edition that an alias names. */
export const editionOf = (version: number): Edition.Edition =>
  Edition.editions.find((edition) => edition.version === version) ?? Edition.v1

/** One feed: its raw topic, the editions that run over it, its archive, and which edition readers are told to read. */
export class SocialRun extends Context.Service<
  SocialRun,
  {
    readonly raw: Topic
    /** Where the archive and whatever else is not in topics lies. */
    readonly directory: string
    /** An edition's stages; started when they do not run yet, and then for as long as this lives. `options` count for a start. */
    readonly pipeline: (
      edition: Edition.Edition,
      options?: Pipeline.Options
    ) => Effect.Effect<Pipeline.Running, ViewError | BrokerError>
    /** The editions that run. */
    readonly running: Effect.Effect<ReadonlyArray<Pipeline.Running>>
    /** The edition that readers are told to read now, asked anew each time. */
    readonly current: Effect.Effect<Edition.Edition, Effect.Error<ReturnType<typeof Alias.resolve>>>
    readonly archive: Effect.Effect<Archive.Archive, BatchError>
    /** Ends with the failure of any stage that runs, and never otherwise. */
    readonly failure: Effect.Effect<never, ViewError>
  }
>()("@troupe/analytics/social/SocialRun") {
  /** Begins with version 1; goes on with the edition that was promoted last, and with the one before it, warm. */
  static readonly layer = (directory: string) =>
    Layer.effect(
      SocialRun,
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        const context = yield* Effect.context<Broker | ActorSystem>()
        const raw = yield* Pipeline.rawTopic
        const turn = yield* Semaphore.make(1)
        const failed = yield* Deferred.make<never, ViewError>()
        const pipelines = new Map<number, Pipeline.Running>()
        let archive: Archive.Archive | undefined

        const pipeline = (edition: Edition.Edition, options?: Pipeline.Options) =>
          Effect.gen(function* () {
            const held = pipelines.get(edition.version)
            if (held !== undefined) return held
            const started = yield* Pipeline.run(edition, options).pipe(
              Effect.provideService(Scope.Scope, scope),
              Effect.provide(context)
            )
            yield* Effect.forkIn(Deferred.into(started.failure, failed), scope)
            pipelines.set(edition.version, started)
            return started
          }).pipe(turn.withPermits(1))

        yield* Alias.begin(aliasName, Alias.targetOf(Aggregate.view(Edition.v1)))
        const alias = yield* Alias.resolve(aliasName)
        for (const target of [alias.current, alias.previous]) {
          if (target !== null) yield* pipeline(editionOf(target.version))
        }
        return SocialRun.of({
          raw,
          directory,
          pipeline,
          running: Effect.sync(() => [...pipelines.values()]),
          current: Alias.resolve(aliasName).pipe(
            Effect.map(({ current }) => editionOf(current.version)),
            Effect.provide(context)
          ),
          archive: Effect.gen(function* () {
            archive ??= yield* Archive.open({
              topic: raw,
              directory: `${directory}/social-archive`,
              columns: Questions.columns
            })
            return archive
          }).pipe(Effect.provideService(Scope.Scope, scope), turn.withPermits(1)),
          failure: Deferred.await(failed)
        })
      })
    )
}
