import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** What the guardian reports. */
type Report =
  | { readonly event: "started"; readonly node: string; readonly pid: number }
  | { readonly event: "exited"; readonly node: string }
  | { readonly event: "busy"; readonly pid: number }

/**
 * The app's side of `guardian-process.ts`: starts and signals servers through it. Once this process is gone, whatever ended it,
 * the guardian ends the servers and removes a temporary directory. A kept one serves one process at a time.
 */
export class Guardian {
  readonly #child: ChildProcess
  readonly #pids = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  readonly #directory: string
  #busy: number | undefined
  #gone = false

  constructor(directory: string, keeping: "temporary" | "kept") {
    this.#directory = directory
    this.#child = spawn(
      process.execPath,
      [join(import.meta.dirname, "guardian-process.ts"), keeping, directory, `${process.pid}`],
      { detached: true, stdio: ["pipe", "pipe", "ignore"] }
    )
    const ended = () => {
      this.#gone = true
      // Should somebody kill the guardian itself, its servers must not outlive it.
      for (const pid of this.#pids.values()) {
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // Already gone, which is what is wanted.
        }
      }
      this.#pids.clear()
      this.#wake()
    }
    this.#child.on("exit", ended).on("error", ended)
    this.#child.stdin?.on("error", () => {})
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        const report: Report = JSON.parse(line)
        if (report.event === "busy") this.#busy = report.pid
        else if (report.event === "started") this.#pids.set(report.node, report.pid)
        else this.#pids.delete(report.node)
        this.#wake()
      })
    }
  }

  /** The process id of a running server. */
  pid(node: string): number | undefined {
    return this.#pids.get(node)
  }

  /** Starts a server. Fails when another process uses the directory, and when the program does not run. */
  async start(node: string, binary: string, config: string): Promise<void> {
    this.#send({ op: "start", node, binary, config })
    await this.#until(() => this.#pids.has(node) || this.#busy !== undefined, 15_000)
    if (this.#busy !== undefined) {
      throw new Error(
        `${this.#directory} is in use by process ${this.#busy}: stop that one, or give another directory`
      )
    }
    if (!this.#pids.has(node)) throw new Error(`${binary} does not run`)
  }

  /** Sends a signal and waits until the server is gone. */
  async kill(node: string, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    if (!this.#pids.has(node)) return
    this.#send({ op: "kill", node, signal })
    await this.#until(() => !this.#pids.has(node), 10_000)
  }

  /** Ends every server and the guardian, removes the temporary store, and waits until all of it is gone. */
  async stop(): Promise<void> {
    this.#send({ op: "stop" })
    await this.#until(() => this.#gone, 5_000)
    if (!this.#gone) this.#child.kill("SIGKILL")
    await this.#until(() => this.#gone, 5_000)
  }

  #send(command: object): void {
    if (!this.#gone) this.#child.stdin?.write(`${JSON.stringify(command)}\n`)
  }

  #wake(): void {
    for (const check of this.#waiting) check()
  }

  #until(holds: () => boolean, withinMillis: number): Promise<void> {
    if (holds() || this.#gone) return Promise.resolve()
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      const check = () => {
        if (holds() || this.#gone) finish()
      }
      const timer = setTimeout(finish, withinMillis)
      this.#waiting.add(check)
    })
  }
}
