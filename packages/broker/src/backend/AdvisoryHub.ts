import type { Advisory } from "../Advisory.ts"
import { AdvisoryInbox } from "./AdvisoryInbox.ts"
import type { TopicEngine } from "./TopicEngine.ts"

/** One listener and how to let it go. */
export interface Listening {
  readonly inbox: AdvisoryInbox
  readonly close: () => void
}

/** Who listens to what the subscriptions of one local topic give up. */
export class AdvisoryHub {
  private readonly topic: TopicEngine
  private readonly operation: string
  private readonly inboxes = new Map<AdvisoryInbox, string | undefined>()

  constructor(topic: TopicEngine) {
    this.topic = topic
    this.operation = `advisories of ${topic.settings.name}`
  }

  /** True while somebody listens to this subscription: its deadlines must then be noticed although nobody takes. */
  hears(subscription: string): boolean {
    if (this.inboxes.size === 0) return false
    for (const only of this.inboxes.values()) if (only === undefined || only === subscription) return true
    return false
  }

  tell(advisory: Exclude<Advisory, { readonly _tag: "Missed" }>): void {
    for (const [inbox, only] of this.inboxes) {
      if (only === undefined || only === advisory.subscription) inbox.offer(advisory)
    }
  }

  /** Listens to one subscription, there or not, or to all of them. */
  open(subscription: string | undefined): Listening {
    const inbox = new AdvisoryInbox(this.operation)
    this.inboxes.set(inbox, subscription)
    const unwatch = this.topic.watch(() => {
      const closed = this.topic.closedError(this.operation)
      if (closed !== undefined) inbox.fail(closed)
    })
    return {
      inbox,
      close: () => {
        unwatch()
        this.inboxes.delete(inbox)
        inbox.close()
      }
    }
  }
}
