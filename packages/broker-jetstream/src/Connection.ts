import { readFile } from "node:fs/promises"
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream"
import {
  type ConnectionOptions,
  connect as connectClient,
  credsAuthenticator,
  errors,
  type NatsConnection
} from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { hasNoResponders } from "./ApiFailure.ts"
import {
  ConnectError,
  InvalidOptions,
  JetStreamUnavailable,
  ServerTooOld,
  Unauthorized,
  Unreachable
} from "./ConnectError.ts"
import { Link } from "./Link.ts"
import { ReplyWindow } from "./ReplyWindow.ts"

/** How a client proves who it is. */
export type Credentials =
  | { readonly token: Redacted.Redacted<string> }
  | { readonly user: string; readonly password: Redacted.Redacted<string> }
  /** Path of a `.creds` file. */
  | { readonly credentialsFile: string }

/** Certificates for TLS, as paths of PEM files; `{}` trusts what the system trusts. */
export interface Tls {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/** How to reach a NATS server. */
export interface ConnectOptions {
  /** URLs (`nats://host:port`), as a list or joined by commas; `user:password@` or `token@` before the host are credentials. */
  readonly servers: string | ReadonlyArray<string>
  readonly credentials?: Credentials
  readonly tls?: Tls
}

/** A client of a server that is new enough, and what all topics share on it. */
export interface Connection {
  readonly nats: NatsConnection
  readonly manager: JetStreamManager
  readonly link: Link
  /** Appends and confirmed acks: at most 256 in flight. */
  readonly writes: ReplyWindow
  /** Direct gets. */
  readonly reads: ReplyWindow
}

/** The JetStream API level of NATS 2.14. */
const apiLevelMin = 4
const answerMillisMax = 5_000

const toList = (servers: string | ReadonlyArray<string>): Array<string> =>
  (typeof servers === "string" ? servers.split(",") : [...servers])
    .map((url) => url.trim())
    .filter((url) => url !== "")

/** A URL without the `user:password@` or `token@` it may bear, so that no message ever shows them. */
const withoutUser = (url: string): string => url.replace(/^([a-z]+:\/\/)?[^@/]*@/i, "$1")

/** The credentials in the first URL that bears any. */
const userOf = (servers: ReadonlyArray<string>): Credentials | undefined => {
  for (const url of servers) {
    const [, user, , password] = /^(?:[a-z]+:\/\/)?([^:@/]*)(:([^@/]*))?@/i.exec(url) ?? []
    if (user === undefined) continue
    return password === undefined
      ? { token: Redacted.make(decodeURIComponent(user)) }
      : { user: decodeURIComponent(user), password: Redacted.make(decodeURIComponent(password)) }
  }
  return undefined
}

const clientOptions = Effect.fnUntraced(function* (options: ConnectOptions) {
  const { tls } = options
  const servers = toList(options.servers)
  const credentials = options.credentials ?? userOf(servers)
  const client: ConnectionOptions = {
    servers: servers.map(withoutUser),
    name: "troupe",
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    timeout: 2_000,
    ...(tls === undefined ? {} : { tls })
  }
  if (credentials === undefined) return client
  if ("token" in credentials) return { ...client, token: Redacted.value(credentials.token) }
  if ("user" in credentials) {
    return { ...client, user: credentials.user, pass: Redacted.value(credentials.password) }
  }
  const path = credentials.credentialsFile
  const file = yield* Effect.tryPromise({
    try: () => readFile(path),
    catch: (cause) =>
      new ConnectError({
        reason: new InvalidOptions(),
        detail: `The credentials file ${path} cannot be read: give the path of a .creds file.`,
        cause
      })
  })
  return { ...client, authenticator: credsAuthenticator(file) }
})

const notConnected = (servers: ReadonlyArray<string>, cause: unknown): ConnectError =>
  cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError
    ? new ConnectError({
        reason: new Unauthorized(),
        detail: `The NATS server at ${servers.join(", ")} refuses these credentials: check the token, the user and password, or the credentials file.`,
        cause
      })
    : new ConnectError({
        reason: new Unreachable({ servers }),
        detail: `No NATS server answers at ${servers.join(", ")}. Start one (nats-server -js), or set NATS_URL to where one runs.`,
        cause
      })

const tooOld = (version: string, apiLevel: number): ConnectError =>
  new ConnectError({
    reason: new ServerTooOld({ version, apiLevel }),
    detail: `This NATS server is ${version}; Troupe needs 2.14 or newer, because older ones ignore fences, batches and times to live without an error. Upgrade it, or point NATS_URL at a newer one.`
  })

const withoutJetStream = (cause: unknown): ConnectError =>
  new ConnectError({
    reason: new JetStreamUnavailable(),
    detail:
      hasNoResponders(cause) || cause instanceof JetStreamApiError
        ? "The NATS server runs without JetStream, or this account has none: start it with -js, or enable JetStream for the account."
        : "JetStream does not answer (does the cluster have a leader?): look at the servers' logs and try again.",
    cause
  })

const openClient = Effect.fnUntraced(function* (options: ConnectOptions) {
  const client = yield* clientOptions(options)
  const servers = toList(options.servers).map(withoutUser)
  if (servers.length === 0) {
    return yield* new ConnectError({
      reason: new InvalidOptions(),
      detail: "No NATS server is given: set `servers`, or NATS_URL."
    })
  }
  return yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () => connectClient(client),
      catch: (cause) => notConnected(servers, cause)
    }),
    // What is on its way out (acks, what readers give back) goes first.
    (nats) => Effect.promise(() => (nats.isClosed() ? Promise.resolve() : closeInOrder(nats)))
  )
})

const closeInOrder = async (nats: NatsConnection): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 1_000)
  })
  await Promise.race([nats.flush().catch(() => {}), bound])
  clearTimeout(timer)
  await nats.close()
}

const checkServer = Effect.fnUntraced(function* (nats: NatsConnection) {
  const version = nats.info?.version ?? "unknown"
  if ((nats.info?.api_lvl ?? 0) < apiLevelMin) return yield* tooOld(version, nats.info?.api_lvl ?? 0)
  const manager = yield* Effect.tryPromise({
    try: () => jetstreamManager(nats, { timeout: answerMillisMax }),
    catch: withoutJetStream
  })
  // Of a cluster with several versions, the oldest one that answers for JetStream counts.
  const account = yield* Effect.tryPromise({ try: () => manager.getAccountInfo(), catch: withoutJetStream })
  const apiLevel = account.api.level ?? 0
  if (apiLevel < apiLevelMin) return yield* tooOld(version, apiLevel)
  return manager
})

/**
 * Connects, checks that the server is NATS 2.14 or newer, and keeps the connection for the scope. A server that is
 * starting is waited for, 2 seconds at most; afterwards the client reconnects for as long as it takes.
 */
export const open = Effect.fn("JetStream.connect")(function* (
  options: ConnectOptions
): Effect.fn.Return<Connection, ConnectError, Scope.Scope> {
  const nats = yield* openClient(options).pipe(
    Effect.retry({
      schedule: Schedule.spaced("250 millis"),
      times: 6,
      while: ({ reason }) => reason._tag === "Unreachable"
    })
  )
  const manager = yield* checkServer(nats).pipe(
    Effect.retry({
      schedule: Schedule.spaced("500 millis"),
      times: 3,
      while: ({ reason }) => reason._tag === "JetStreamUnavailable"
    })
  )
  const link = new Link(nats)
  const timeoutMillis = answerMillisMax
  const window = (sizeMax: number) =>
    Effect.acquireRelease(
      Effect.sync(() => new ReplyWindow(nats, link, { sizeMax, timeoutMillis })),
      (replies) => Effect.sync(() => replies.close())
    )
  return { nats, manager, link, writes: yield* window(256), reads: yield* window(64) }
})
