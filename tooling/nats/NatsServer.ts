import { mkdir, mkdtemp, readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ConfigError } from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Guardian } from "./Guardian.ts"
import * as NatsBinary from "./NatsBinary.ts"
import { NatsServerFailed, type NatsServerMissing } from "./NatsServerError.ts"
import { freePorts, type NodePorts, untilHealthy, writeConfig } from "./Node.ts"

export type { NatsBinary } from "./NatsBinary.ts"
export { NatsServerFailed, NatsServerMissing } from "./NatsServerError.ts"

/** How to start servers. */
export interface StartOptions {
  /** 1 node (default) or a cluster of 3. */
  readonly cluster?: 1 | 3
  /**
   * Where the stores lie. Given: kept, found again by the next start, and locked for this process. Absent: temporary, and
   * removed at the end.
   */
  readonly directory?: string
  /** Another program than `NatsServer.locate` finds, for tests of old releases. */
  readonly binary?: NatsBinary.NatsBinary
  /** False starts it without JetStream. */
  readonly jetstream?: boolean
  /** More lines for the configuration file, e.g. `authorization { token: "…" }`. */
  readonly config?: string
}

/** One server that was started here. */
export interface NatsNode {
  readonly name: string
  readonly url: string
  /** Its process id; undefined while it is down. */
  readonly pid: Effect.Effect<number | undefined>
  /** kill -9, and waits until the process is gone. Nothing when it is down. */
  readonly kill: Effect.Effect<void>
  /** Starts it again on the same ports and store (after kill -9 if it runs), and waits until it is healthy. */
  readonly restart: Effect.Effect<void, NatsServerFailed>
}

/** Servers that live as long as the scope that started them. */
export interface Running {
  /** What `NATS_URL` takes: the URLs of all nodes, joined by commas. */
  readonly url: string
  readonly servers: ReadonlyArray<string>
  readonly version: string
  readonly nodes: ReadonlyArray<NatsNode>
}

const logTail = async (directory: string, names: ReadonlyArray<string>): Promise<string> => {
  const texts = await Promise.all(
    names.map((name) => readFile(join(directory, name, "log"), "utf8").catch(() => ""))
  )
  return texts.flatMap((text) => text.trim().split("\n").slice(-4)).join("\n")
}

// Waits here are plain timers, not Effect's Clock: a server takes real time to start, under a TestClock too.
const attempt = <A>(run: () => Promise<A>, log: () => Promise<string>): Effect.Effect<A, NatsServerFailed> =>
  Effect.promise(() =>
    run().then(
      (value) => Effect.succeed(value),
      async (cause) => {
        const reason = cause instanceof Error ? cause.message : String(cause)
        return Effect.fail(new NatsServerFailed({ reason, log: await log() }))
      }
    )
  ).pipe(Effect.flatten)

const startOn = Effect.fnUntraced(function* (binary: NatsBinary.NatsBinary, options: StartOptions) {
  const names = options.cluster === 3 ? ["n1", "n2", "n3"] : ["n1"]
  const { directory, guardian } = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      if (options.directory !== undefined) await mkdir(options.directory, { recursive: true })
      const folder = options.directory ?? (await mkdtemp(join(tmpdir(), "troupe-nats-")))
      return {
        directory: folder,
        guardian: new Guardian(folder, options.directory === undefined ? "temporary" : "kept")
      }
    }),
    ({ guardian }) => Effect.promise(() => guardian.stop())
  )
  const log = () => logTail(directory, names)
  const ports: ReadonlyArray<NodePorts> = yield* attempt(() => freePorts(names), log)
  const boot = async (node: NodePorts) => {
    const config = await writeConfig(directory, node, {
      cluster: ports,
      jetstream: options.jetstream ?? true,
      lines: options.config ?? ""
    })
    await guardian.start(node.name, binary.path, config)
  }
  const healthy = () => untilHealthy(ports, (name) => guardian.pid(name) !== undefined)
  // What did not start does not keep the directory: the next attempt needs it.
  yield* attempt(() => Promise.all(ports.map(boot)).then(healthy), log).pipe(
    Effect.onError(() => Effect.promise(() => guardian.stop()))
  )
  const nodes = ports.map((node): NatsNode => {
    const kill = Effect.promise(() => guardian.kill(node.name, "SIGKILL"))
    return {
      name: node.name,
      url: `nats://127.0.0.1:${node.client}`,
      pid: Effect.sync(() => guardian.pid(node.name)),
      kill,
      restart: Effect.andThen(
        kill,
        attempt(() => boot(node).then(healthy), log)
      )
    }
  })
  const servers = nodes.map((node) => node.url)
  return { url: servers.join(","), servers, version: binary.version, nodes } satisfies Running
})

/** Real NATS servers with JetStream, for tests, demos and `npm run nats`. */
export class NatsServer extends Context.Service<NatsServer, Running>()("@troupe/nats/NatsServer") {
  /** A nats-server of 2.14 or newer on this machine: found, or fetched into the project's `.cache/nats/`. */
  static readonly locate: Effect.Effect<NatsBinary.NatsBinary, NatsServerMissing | ConfigError> =
    NatsBinary.locate()

  /**
   * Starts one node or a cluster of three on free loopback ports and waits until JetStream is ready (of a cluster: until
   * it has a leader and all three are current). Closing the scope stops them and waits for it; when this process dies in
   * any other way, kill -9 too, they die with it and a temporary store is removed.
   */
  static readonly start = Effect.fn("NatsServer.start")(function* (
    options: StartOptions = {}
  ): Effect.fn.Return<Running, NatsServerMissing | NatsServerFailed | ConfigError, Scope.Scope> {
    const binary = options.binary ?? (yield* NatsServer.locate)
    // Between looking for a free port and binding it somebody else may take it: then the start is made again.
    return yield* startOn(binary, options).pipe(
      Effect.retry({ times: 4, while: (failure) => failure.log.includes("address already in use") })
    )
  })

  /** `start` as a layer. */
  static readonly layer = (
    options?: StartOptions
  ): Layer.Layer<NatsServer, NatsServerMissing | NatsServerFailed | ConfigError> =>
    Layer.effect(NatsServer, NatsServer.start(options))
}
