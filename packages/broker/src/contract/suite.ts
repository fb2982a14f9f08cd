/** The suite that every backend runs: one behaviour, whatever stores the records. */
import { afterAll, describe, it, layer } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Broker } from "../Broker.ts"
import { advisory, advisoryBounce, advisoryRestart } from "./advisory.ts"
import { append, appendRestart } from "./append.ts"
import { appendAll } from "./appendAll.ts"
import type { BounceTest, ContractTest, RestartTest, Session } from "./ContractTest.ts"
import { uncovered } from "./clauses.ts"
import { consumer } from "./consumer.ts"
import { delivery } from "./delivery.ts"
import { faults, faultsRestart } from "./faults.ts"
import { keyValue, keyValueRestart } from "./keyValue.ts"
import { limits } from "./limits.ts"
import { ownership, ownershipRestart } from "./ownership.ts"
import { partitioned } from "./partitions.ts"
import { read, readBounce } from "./read.ts"
import { reader, readerRestart } from "./reader.ts"
import { schedule, scheduleRestart } from "./schedule.ts"
import { subscription } from "./subscription.ts"
import { topic } from "./topic.ts"

export type { BounceTest, ContractTest, RestartTest, Session } from "./ContractTest.ts"
export { type Clause, clauses, uncovered } from "./clauses.ts"

/** A store of its own for one restart test. */
export interface Restartable {
  /** Opens the backend on the store; built anew after each end. */
  readonly layer: Layer.Layer<Broker, unknown>
  /** Ends what outlives the layer, e.g. kills and starts the server; absent when closing the layer is the end. */
  readonly restart?: Effect.Effect<void, unknown>
}

/** A server of its own for one test that restarts it under a client. */
export interface Bounceable {
  readonly layer: Layer.Layer<Broker, unknown>
  /** Kills the server, starts it on the same store and waits until it listens. */
  readonly bounce: Effect.Effect<void, unknown>
}

/** What backend to hold to the contract. */
export interface SuiteOptions {
  /** As tests are to be named: `memory`, `embedded`, `JetStream R1`. */
  readonly name: string
  /** Built once for all tests; each test has topics of its own on it. */
  readonly layer: Layer.Layer<Broker, unknown>
  /** Makes a store that survives the end of the backend; absent for a backend that forgets. */
  readonly restart?: Effect.Effect<Restartable, unknown, Scope.Scope>
  /** Makes a server that can be restarted under a living client; absent where backend and client are one process. */
  readonly bounce?: Effect.Effect<Bounceable, unknown, Scope.Scope>
  /** Tests by id that this backend does not pass yet, each with the reason; skipped, and printed by the run. */
  readonly notYet?: Readonly<Record<string, string>>
}

/** Tests on one running backend; those that wait longest first, so that they run beside the rest. */
export const tests: ReadonlyArray<ContractTest> = [
  ...partitioned.toReversed(),
  ...ownership,
  ...limits,
  ...keyValue.toReversed(),
  ...delivery,
  ...reader,
  ...consumer,
  ...schedule,
  ...advisory,
  ...faults,
  ...subscription,
  ...read,
  ...append,
  ...appendAll,
  ...topic
]

/** Tests that end the backend and open it again. */
export const restartTests: ReadonlyArray<RestartTest> = [
  ...appendRestart,
  ...readerRestart,
  ...keyValueRestart,
  ...scheduleRestart,
  ...advisoryRestart,
  ...ownershipRestart,
  ...faultsRestart
]

/** Tests that restart the server under a client. */
export const bounceTests: ReadonlyArray<BounceTest> = [...readBounce, ...advisoryBounce]

const timeoutMillis = 30_000

const sessionOf =
  (store: Restartable): Session =>
  (effect) =>
    effect.pipe(
      Effect.scoped,
      Effect.provide(store.layer, { local: true }),
      Effect.ensuring(Effect.orDie(store.restart ?? Effect.void))
    )

const titleOf = (test: { readonly id: string; readonly title: string }) => `${test.id} ${test.title}`

/** Registers the tests of the contract for one backend. */
export const suite = (options: SuiteOptions): void => {
  const skipped = options.notYet ?? {}
  layer(options.layer, { concurrent: true, excludeTestServices: true, timeout: timeoutMillis })(
    `${options.name}: contract`,
    (it) => {
      for (const test of tests) {
        const register = test.id in skipped ? it.effect.skip : it.effect
        register(titleOf(test), () => test.run, timeoutMillis)
      }
    }
  )

  const { bounce, restart } = options
  if (restart !== undefined) restartSuite({ ...options, restart })
  if (bounce !== undefined) {
    describe(`${options.name}: contract while the server restarts`, { concurrent: true }, () => {
      for (const test of bounceTests) {
        const register = test.id in skipped ? it.live.skip : it.live
        register(
          titleOf(test),
          () => Effect.flatMap(bounce, (server) => Effect.provide(test.run(server.bounce), server.layer)),
          timeoutMillis
        )
      }
    })
  }

  afterAll(() => Effect.runPromise(Console.log(report(options.name, skipped))))
}

/** Registers only the tests across restarts: for a second way in which a backend may end. */
export const restartSuite = (
  options: Pick<SuiteOptions, "name" | "notYet"> & Required<Pick<SuiteOptions, "restart">>
): void => {
  describe(`${options.name}: contract across restarts`, { concurrent: true }, () => {
    for (const test of restartTests) {
      const register = test.id in (options.notYet ?? {}) ? it.live.skip : it.live
      register(
        titleOf(test),
        () => Effect.flatMap(options.restart, (store) => test.run(sessionOf(store))),
        timeoutMillis
      )
    }
  })
}

const report = (name: string, skipped: Readonly<Record<string, string>>) =>
  [
    `${name}: clauses of the contract that no test states yet`,
    ...uncovered().map((line) => `  - ${line}`),
    ...Object.entries(skipped).map(([id, reason]) => `  - ${name} does not pass ${id} yet: ${reason}`)
  ].join("\n")
