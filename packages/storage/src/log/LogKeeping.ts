import { ActorSystem, type AskError, Supervision } from "@troupe/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { FsyncPolicy } from "./GroupCommit.ts"
import { isLogError, type LogError, LogFailed } from "./LogError.ts"
import { Compact, Flush, LogKeeper, LogRetention, Reclaim, Retain, Roll } from "./LogKeeper.ts"
import type { Keeping, OpenLog } from "./OpenLog.ts"

/**
 * Spawns the two actors that keep a log until the scope closes: in the actor system that is around, so that its
 * inspection shows them, else in one of their own.
 */
export const keep = Effect.fnUntraced(function* (
  log: OpenLog,
  directory: string,
  fsync: FsyncPolicy,
  lingerMillis: number
): Effect.fn.Return<Keeping, never, Scope.Scope> {
  const around = yield* Effect.serviceOption(ActorSystem)
  const system = Option.isSome(around)
    ? around.value
    : Context.get(yield* Layer.build(ActorSystem.layer), ActorSystem)
  const ticking =
    typeof fsync === "object"
      ? Effect.sync(() => log.commit.tick()).pipe(Effect.delay(fsync.intervalMillis), Effect.forever)
      : Effect.void
  const keeper = yield* LogKeeper.spawn(
    directory,
    Effect.as(
      Effect.forkScoped(ticking),
      LogKeeper.of({
        // It never waits: what already is an exit costs no fiber.
        Flush: () => {
          log.flushNow()
          return Exit.void
        },
        Roll: () => log.rollNow
      })
    ),
    // The state is the files': there is nothing to rebuild, and a message that failed is not worth the log.
    { supervision: Supervision.resume }
  ).pipe(Effect.provideService(ActorSystem, system))
  const retention = yield* LogRetention.spawn(
    directory,
    LogRetention.of({
      Retain: (bounds) => log.retainNow(bounds),
      Compact: (options) => log.compactNow(options),
      Reclaim: () => log.reclaimNow
    }),
    { supervision: Supervision.resume }
  ).pipe(Effect.provideService(ActorSystem, system))

  const stopped = <E extends LogError>(error: E | AskError): Effect.Effect<never, E | LogFailed> =>
    isLogError(error)
      ? Effect.fail(error)
      : Effect.fail(new LogFailed({ operation: "keep", file: directory, code: "CLOSED", cause: error }))
  // One message for all: it says nothing but that it came.
  const flush = keeper.tell(new Flush())
  const reclaim = retention.tell(new Reclaim())
  const context = yield* Effect.context<never>()
  const linger = Effect.runForkWith(context)
  return {
    flushSoon:
      lingerMillis === 0
        ? () => Effect.runSync(flush)
        : () => {
            linger(Effect.delay(flush, lingerMillis))
          },
    roll: Effect.catch(keeper.ask(new Roll()), stopped),
    retain: (bounds) => Effect.catch(retention.ask(new Retain(bounds)), stopped),
    compact: (options) => Effect.catch(retention.ask(new Compact(options)), stopped),
    reclaimSoon: () => {
      Effect.runSync(reclaim)
    }
  }
})
