/** What a program meets when it opens the layer: clear refusals at once, each with what to do. */
import { createServer, type Server } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@troupe/broker"
import { NatsServer } from "@troupe/nats"
import { hasServer, locateOld } from "@troupe/nats/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { JetStream } from "../src/index.ts"

const opening = <E>(layer: Layer.Layer<Broker, E>) =>
  Effect.scoped(Effect.asVoid(Effect.provide(Broker, layer)))

/** A server that speaks as much NATS as a client needs to connect, and says of itself what `info` says. */
const pretending = (info: object) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<Server>((resolve) => {
          const server = createServer((socket) => {
            socket.write(
              `INFO ${JSON.stringify({ server_id: "x", max_payload: 1_000_000, headers: true, ...info })}\r\n`
            )
            socket.on("data", (data) => {
              if (data.includes("PING")) socket.write("PONG\r\n")
            })
            socket.on("error", () => {})
          })
          server.listen(0, "127.0.0.1", () => resolve(server))
        })
    ),
    (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return `nats://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
    })
  )

describe("connecting", () => {
  it.live("no server is an error within a few seconds, with the address and what to do", () =>
    Effect.gen(function* () {
      const servers = "nats://127.0.0.1:1"
      const failure = yield* Effect.flip(Effect.timeout(opening(JetStream.layer({ servers })), "8 seconds"))
      assert.strictEqual(failure._tag, "JetStreamConnectError")
      if (failure._tag !== "JetStreamConnectError") return
      assert.strictEqual(failure.reason._tag, "Unreachable")
      assert.include(failure.message, servers)
      assert.include(failure.message, "NATS_URL")
    })
  )

  for (const [version, api_lvl] of [
    ["2.10.27", undefined],
    ["2.12.9", 3]
  ] as const) {
    it.live(`a server that says it is ${version} is refused`, () =>
      Effect.gen(function* () {
        const servers = yield* pretending({ version, ...(api_lvl === undefined ? {} : { api_lvl }) })
        const failure = yield* Effect.flip(opening(JetStream.layer({ servers })))
        assert.strictEqual(failure.reason._tag, "ServerTooOld")
        assert.include(failure.message, version)
        assert.include(failure.message, "2.14")
      })
    )
  }

  it.live("options that cannot work are refused before anything is sent", () =>
    Effect.gen(function* () {
      for (const options of [
        { servers: "nats://127.0.0.1:1", prefix: "a.b" },
        { servers: "" },
        { servers: "nats://127.0.0.1:1", credentials: { credentialsFile: "/no/such/file.creds" } }
      ]) {
        const failure = yield* Effect.flip(opening(JetStream.layer(options)))
        assert.strictEqual(failure.reason._tag, "InvalidOptions", failure.message)
      }
    })
  )
})

describe.runIf(hasServer)("connecting to a real server", () => {
  it.live(
    "2.9.10 is refused with its version and the remedy, and is left as it was",
    () =>
      Effect.gen(function* () {
        const binary = yield* locateOld()
        const { servers, version } = yield* NatsServer.start({ binary })
        const failure = yield* Effect.flip(opening(JetStream.layer({ servers })))
        assert.strictEqual(failure.reason._tag, "ServerTooOld")
        assert.include(failure.message, version)
        assert.include(failure.message, "2.14 or newer")
        assert.include(failure.message, "Upgrade")
      }),
    60_000
  )

  it.live(
    "a server without JetStream is refused",
    () =>
      Effect.gen(function* () {
        const { servers } = yield* NatsServer.start({ jetstream: false })
        const failure = yield* Effect.flip(opening(JetStream.layer({ servers })))
        assert.strictEqual(failure.reason._tag, "JetStreamUnavailable")
        assert.include(failure.message, "-js")
      }),
    20_000
  )

  it.live(
    "a token is needed where the server wants one, and is taken from the options or the configuration",
    () =>
      Effect.gen(function* () {
        const { servers, url } = yield* NatsServer.start({ config: 'authorization { token: "s3cret" }' })
        for (const options of [{ servers }, { servers, credentials: { token: Redacted.make("wrong") } }]) {
          const failure = yield* Effect.flip(opening(JetStream.layer(options)))
          assert.strictEqual(failure.reason._tag, "Unauthorized", failure.message)
          assert.notInclude(failure.message, "wrong")
        }
        yield* opening(JetStream.layer({ servers, credentials: { token: Redacted.make("s3cret") } }))
        yield* opening(JetStream.layer({ servers: url.replace("//", "//s3cret@") }))
        const failure = yield* Effect.flip(
          opening(JetStream.layer({ servers: url.replace("//", "//wr0ng@") }))
        )
        assert.strictEqual(failure.reason._tag, "Unauthorized")
        assert.notInclude(failure.message, "wr0ng")
        yield* opening(JetStream.layerConfig()).pipe(
          Effect.provide(
            ConfigProvider.layer(ConfigProvider.fromUnknown({ NATS_URL: url, NATS_TOKEN: "s3cret" }))
          )
        )
      })
  )

  it.live("user and password work, and the layer's end closes the connection", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start({
        config: 'authorization { user: "ada", password: "lovelace" }'
      })
      const layer = JetStream.layer({
        servers,
        credentials: { user: "ada", password: Redacted.make("lovelace") }
      })
      const topic = yield* Effect.scoped(
        Effect.provide(
          Effect.flatMap(Broker, (broker) => broker.topic({ name: "t" })),
          layer
        )
      )
      const failure = yield* Effect.flip(topic.append({ subject: "a", data: new Uint8Array(0) }))
      assert.strictEqual(failure.reason._tag, "Unavailable")
    })
  )

  it.live("a user who may not listen to advisories is told which permission is missing", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start({
        config:
          'authorization { users: [{ user: "ada", password: "lovelace", permissions: { subscribe: { deny: ["$JS.EVENT.>"] } } }] }'
      })
      const credentials = { user: "ada", password: Redacted.make("lovelace") }
      yield* Effect.gen(function* () {
        const topic = yield* (yield* Broker).topic({ name: "t" })
        const advisories = yield* topic.advisories()
        const failure = yield* Effect.flip(Effect.timeout(advisories.take(1), "5 seconds"))
        assert.strictEqual(failure._tag, "BrokerError")
        assert.include(failure.message, "$JS.EVENT.ADVISORY.CONSUMER.>")
      }).pipe(Effect.scoped, Effect.provide(JetStream.layer({ servers, credentials })))
    })
  )
})
