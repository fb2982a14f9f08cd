import { mkdir, writeFile } from "node:fs/promises"
import { get } from "node:http"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

/** A node and the loopback ports it listens on. */
export interface NodePorts {
  readonly name: string
  readonly client: number
  readonly monitor: number
  readonly route: number
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once("error", () => resolve(false))
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)))
  })

/**
 * Free ports below the range from which systems take the ports of outgoing connections (32 768 up): a node that is down
 * for a moment must find its port free again, and a client that keeps trying must not connect to itself.
 */
export const freePorts = async (names: ReadonlyArray<string>): Promise<ReadonlyArray<NodePorts>> => {
  const taken = new Set<number>()
  const next = async (): Promise<number> => {
    for (let tries = 0; tries < 200; tries++) {
      const port = 10_240 + Math.floor(Math.random() * 22_000)
      if (taken.has(port)) continue
      taken.add(port)
      if (await isFree(port)) return port
    }
    throw new Error("no free loopback port after 200 tries")
  }
  const nodes: Array<NodePorts> = []
  for (const name of names)
    nodes.push({ name, client: await next(), monitor: await next(), route: await next() })
  return nodes
}

/** What the nodes have in common. */
export interface NodeConfig {
  readonly cluster: ReadonlyArray<NodePorts>
  readonly jetstream: boolean
  /** More lines, as they are. */
  readonly lines: string
}

/** Writes the configuration of one node of a cluster; answers its path. */
export const writeConfig = async (
  directory: string,
  node: NodePorts,
  config: NodeConfig
): Promise<string> => {
  const { cluster, jetstream } = config
  const folder = join(directory, node.name)
  await mkdir(folder, { recursive: true })
  const lines = [
    `server_name: ${node.name}`,
    `listen: "127.0.0.1:${node.client}"`,
    `http: "127.0.0.1:${node.monitor}"`,
    `pid_file: ${JSON.stringify(join(folder, "pid"))}`,
    `log_file: ${JSON.stringify(join(folder, "log"))}`,
    config.lines
  ]
  if (jetstream) lines.push(`jetstream { store_dir: ${JSON.stringify(join(folder, "store"))} }`)
  if (cluster.length > 1) {
    const routes = cluster.map(({ route }) => `"nats://127.0.0.1:${route}"`).join(", ")
    lines.push(`cluster { name: troupe, listen: "127.0.0.1:${node.route}", routes: [${routes}] }`)
  }
  const path = join(folder, "server.conf")
  await writeFile(path, `${lines.join("\n")}\n`)
  return path
}

interface Monitoring {
  readonly status?: string
  readonly error?: string
  readonly meta_cluster?: {
    readonly leader?: string
    readonly cluster_size?: number
    readonly replicas?: ReadonlyArray<{ readonly current: boolean }>
  }
}

const ask = (port: number, path: string): Promise<Monitoring | undefined> =>
  new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path, agent: false, timeout: 1_000 }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (part: string) => {
        text += part
      })
      response.on("end", () => {
        try {
          resolve(JSON.parse(text))
        } catch {
          resolve(undefined)
        }
      })
      response.on("error", () => resolve(undefined))
    })
    request.on("timeout", () => request.destroy())
    request.on("error", () => resolve(undefined))
  })

/** Undefined when all is well, else what is not. */
const unhealthy = async (nodes: ReadonlyArray<NodePorts>): Promise<string | undefined> => {
  let led = nodes.length === 1
  for (const node of nodes) {
    const health = await ask(node.monitor, "/healthz")
    if (health === undefined) return `${node.name} does not answer`
    if (health.status !== "ok") return `${node.name}: ${health.error ?? health.status ?? "not healthy"}`
    if (nodes.length === 1) continue
    const meta = (await ask(node.monitor, "/jsz"))?.meta_cluster
    if (meta?.leader === undefined || meta.leader === "") return `${node.name} knows no leader`
    if (meta.cluster_size !== nodes.length) return `${node.name} sees ${meta.cluster_size ?? 0} nodes`
    // Only the leader lists the others.
    led ||=
      meta.leader === node.name &&
      (meta.replicas ?? []).filter(({ current }) => current).length === nodes.length - 1
  }
  return led ? undefined : "the nodes are not all current"
}

/**
 * Waits until every node says that it is healthy and, in a cluster, that there is a leader and all are current.
 * Fails when a node ends meanwhile, and after 30 s.
 */
export const untilHealthy = async (
  nodes: ReadonlyArray<NodePorts>,
  isRunning: (name: string) => boolean
): Promise<void> => {
  const until = performance.now() + 30_000
  for (;;) {
    const ended = nodes.find(({ name }) => !isRunning(name))
    if (ended !== undefined) throw new Error(`${ended.name} ended at once`)
    const problem = await unhealthy(nodes)
    if (problem === undefined) return
    if (performance.now() > until) throw new Error(`not healthy after 30 s: ${problem}`)
    await pause(20)
  }
}
