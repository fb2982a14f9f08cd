import type * as Schema from "effect/Schema"
import type { JournaledCommand } from "./Journal.ts"

/** The last stored commands of one actor and their answers: a repeat of one of them changes nothing. */
export class RememberedCommands {
  private readonly replies = new Map<string, Schema.Json>()
  private readonly countMax: number

  constructor(countMax: number) {
    this.countMax = countMax
  }

  /** The encoded answer to a command that took effect, `undefined` for another. */
  replyTo(id: string): Schema.Json | undefined {
    return this.replies.get(id)
  }

  /** Remembers a command, and forgets the oldest when there are too many. */
  add({ id, reply }: JournaledCommand): void {
    this.replies.set(id, reply)
    if (this.replies.size <= this.countMax) return
    for (const oldest of this.replies.keys()) {
      this.replies.delete(oldest)
      break
    }
  }

  /** All of them, oldest first. */
  get all(): ReadonlyArray<JournaledCommand> {
    return Array.from(this.replies, ([id, reply]) => ({ id, reply }))
  }
}
