/**
 * The broker port on NATS JetStream 2.14 or newer: one stream a topic, one durable consumer a subscription.
 */
import { Broker, type BrokerError, Subject, type TopicSpec } from "@troupe/broker"
import { mismatchError, readTopicSpec } from "@troupe/broker/backend"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { asking, changing, isAbsent, unread } from "./ApiFailure.ts"
import { ConnectError, InvalidOptions } from "./ConnectError.ts"
import { type Connection, type ConnectOptions, type Credentials, open, type Tls } from "./Connection.ts"
import { JetStreamTopic } from "./JetStreamTopic.ts"
import { differences, placeOf, streamConfig, topicOf } from "./StreamLayout.ts"

export type { Credentials, Tls } from "./Connection.ts"

/** How to reach NATS, and how topics lie there. */
export interface Options extends ConnectOptions {
  /** Copies of every topic, each on another server of the cluster; default 1. */
  readonly replicas?: 1 | 3
  /**
   * Stands before the name of every stream and subject, so that several applications or runs share a server; default
   * `troupe`. `[A-Za-z0-9_-]+`, at most 40 characters.
   */
  readonly prefix?: string
}

/**
 * The stream, if it is there. One that a cluster is just making has no leader yet, and nobody answers for it: asked again
 * after a second, not after the client's five.
 */
const existing = (connection: Connection, stream: string, operation: string) =>
  asking(operation, () =>
    connection.manager.streams.info(stream).catch((cause) => {
      if (isAbsent(cause)) return undefined
      throw cause
    })
  ).pipe(
    Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.fail(unread(operation)) }),
    Effect.retry({
      times: 4,
      while: (failure) => failure.isTransient,
      schedule: Schedule.spaced("100 millis")
    })
  )

const openTopic = Effect.fn("JetStream.topic")(function* (
  connection: Connection,
  prefix: string,
  replicas: 1 | 3,
  spec: TopicSpec
) {
  const operation = `open topic ${spec.name}`
  const settings = yield* readTopicSpec(spec)
  const place = placeOf(prefix, spec.name)
  const config = streamConfig(place, settings, replicas)
  const found = yield* existing(connection, place.stream, operation)
  // Two processes may make it at once: the same configuration twice is no error, another one is found below. A cluster
  // may be between two leaders; asking for the same thing again is harmless.
  const { config: has } =
    found ??
    (yield* changing(operation, () => connection.manager.streams.add(config)).pipe(
      Effect.retry({
        times: 2,
        while: (failure) => failure.isTransient,
        schedule: Schedule.spaced("250 millis")
      }),
      Effect.catch((failure) =>
        Effect.flatMap(existing(connection, place.stream, operation), (made) =>
          made === undefined ? Effect.fail(failure) : Effect.succeed(made)
        )
      )
    ))
  const fields = differences(config, has)
  if (fields.length > 0) return yield* mismatchError("topic", operation, fields)
  const topic = new JetStreamTopic(connection, place, settings, replicas)
  // In a cluster the news of a new stream takes a moment to reach every server: one that has not heard of it says that there is none.
  if (found === undefined && replicas > 1) {
    yield* topic.reachable.pipe(
      Effect.retry({
        times: 50,
        while: (failure) => failure.isTransient || failure.reason._tag === "NotFound",
        schedule: Schedule.spaced("50 millis")
      })
    )
  }
  return topic
})

const topicNames = (
  connection: Connection,
  prefix: string
): Effect.Effect<ReadonlyArray<string>, BrokerError> =>
  asking("list topics", async () => {
    const names: Array<string> = []
    for await (const page of connection.manager.streams.names(`${prefix}.>`)) {
      const topic = topicOf(prefix, page)
      if (topic !== undefined) names.push(topic)
    }
    return names.sort()
  })

const deleteTopic = Effect.fn("JetStream.deleteTopic")(function* (
  connection: Connection,
  prefix: string,
  replicas: 1 | 3,
  name: string
) {
  const place = placeOf(prefix, Subject.isName(name) ? name : "no-such-name")
  const operation = `delete topic ${name}`
  yield* changing(operation, () => connection.manager.streams.delete(place.stream))
  if ((yield* existing(connection, place.noticeStream, operation)) !== undefined) {
    yield* changing(operation, () => connection.manager.streams.delete(place.noticeStream))
  }
  // In a cluster the news takes a moment too; after two seconds it is on its way at any rate.
  if (replicas > 1) {
    const isListed = Effect.map(topicNames(connection, prefix), (names) => names.includes(name))
    yield* isListed.pipe(
      Effect.repeat({ while: (listed) => listed, times: 40, schedule: Schedule.spaced("50 millis") }),
      Effect.ignore({ log: "Debug" })
    )
  }
})

/** Connects for the scope and answers the broker. */
export const make = Effect.fn("JetStream.make")(function* (
  options: Options
): Effect.fn.Return<Broker["Service"], ConnectError, Scope.Scope> {
  const { prefix = "troupe", replicas = 1 } = options
  if (!Subject.isName(prefix) || prefix.length > 40) {
    return yield* new ConnectError({
      reason: new InvalidOptions(),
      detail: `The prefix "${prefix}" is not usable: 1 to 40 characters of A-Z a-z 0-9 _ and -.`
    })
  }
  const connection = yield* open(options)
  return Broker.of({
    backend: "nats",
    durability: "os",
    topic: (spec) => openTopic(connection, prefix, replicas, spec),
    topics: topicNames(connection, prefix),
    deleteTopic: (name) => deleteTopic(connection, prefix, replicas, name)
  })
})

/**
 * The broker on the NATS servers at `servers`.
 *
 * Fails with `ConnectError` within a few seconds when no server answers, when it is older than 2.14, has no JetStream,
 * or refuses the credentials. Afterwards it reconnects by itself for as long as it takes. An acknowledged append survives
 * the end of every process (durability `os`): NATS syncs to disk every 2 minutes unless its `sync_interval` says otherwise.
 */
export const layer = (options: Options): Layer.Layer<Broker, ConnectError> =>
  Layer.effect(Broker, make(options))

const credentialsConfig: Config.Config<Option.Option<Credentials>> = Config.all({
  token: Config.option(Config.Redacted("NATS_TOKEN")),
  user: Config.option(Config.String("NATS_USER")),
  password: Config.option(Config.Redacted("NATS_PASSWORD")),
  file: Config.option(Config.String("NATS_CREDS"))
}).pipe(
  Config.map(({ file, password, token, user }) => {
    if (Option.isSome(file)) return Option.some<Credentials>({ credentialsFile: file.value })
    if (Option.isSome(token)) return Option.some<Credentials>({ token: token.value })
    return Option.isSome(user) && Option.isSome(password)
      ? Option.some<Credentials>({ user: user.value, password: password.value })
      : Option.none()
  })
)

const tlsConfig: Config.Config<Option.Option<Tls>> = Config.all({
  ca: Config.option(Config.String("NATS_CA")),
  cert: Config.option(Config.String("NATS_CERT")),
  key: Config.option(Config.String("NATS_KEY"))
}).pipe(
  Config.map(({ ca, cert, key }) => {
    const tls: Tls = {
      ...(Option.isSome(ca) ? { caFile: ca.value } : {}),
      ...(Option.isSome(cert) ? { certFile: cert.value } : {}),
      ...(Option.isSome(key) ? { keyFile: key.value } : {})
    }
    return Object.keys(tls).length === 0 ? Option.none() : Option.some(tls)
  })
)

/**
 * The broker as the configuration says: `NATS_URL` (default `nats://127.0.0.1:4222`), one of `NATS_CREDS` (a file),
 * `NATS_TOKEN`, or `NATS_USER` with `NATS_PASSWORD`, and `NATS_CA`, `NATS_CERT`, `NATS_KEY` (PEM files) for TLS.
 */
export const layerConfig = (
  options: Pick<Options, "replicas" | "prefix"> = {}
): Layer.Layer<Broker, ConnectError | Config.ConfigError> =>
  Layer.effect(
    Broker,
    Effect.gen(function* () {
      const servers = yield* Config.String("NATS_URL").pipe(Config.withDefault("nats://127.0.0.1:4222"))
      const credentials = yield* credentialsConfig
      const tls = yield* tlsConfig
      return yield* make({
        ...options,
        servers,
        ...(Option.isSome(credentials) ? { credentials: credentials.value } : {}),
        ...(Option.isSome(tls) ? { tls: tls.value } : {})
      })
    })
  )
