import type { NatsConnection } from "@nats-io/transport-node"

/** Who wants to know of a connection. */
export interface LinkListener {
  readonly up: () => void
  readonly down: () => void
  /** It was closed for good: nothing more will come. */
  readonly closed?: () => void
}

/** Whether the connection is up, and who wants to know when that changes. */
export class Link {
  isUp = true
  private readonly listeners = new Set<LinkListener>()

  /** Follows the client's own notices for as long as the client lives. */
  constructor(nats: NatsConnection) {
    void this.follow(nats)
    void nats.closed().then(() => {
      this.isUp = false
      for (const listener of [...this.listeners]) listener.closed?.()
    })
  }

  /** Answers a function that stops listening. */
  listen(listener: LinkListener): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  private async follow(nats: NatsConnection): Promise<void> {
    for await (const status of nats.status()) {
      if (status.type === "disconnect" || status.type === "close") {
        this.isUp = false
        for (const listener of [...this.listeners]) listener.down()
      } else if (status.type === "reconnect") {
        this.isUp = true
        for (const listener of [...this.listeners]) listener.up()
      }
    }
  }
}
