import type { NatsConnection } from "@nats-io/transport-node"

/** Whether the connection is up, and who wants to know when that changes. */
export class Link {
  isUp = true
  private readonly listeners = new Set<{ readonly up: () => void; readonly down: () => void }>()

  /** Follows the client's own notices for as long as the client lives. */
  constructor(nats: NatsConnection) {
    void this.follow(nats)
  }

  /** Answers a function that stops listening. */
  listen(listener: { readonly up: () => void; readonly down: () => void }): () => void {
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
