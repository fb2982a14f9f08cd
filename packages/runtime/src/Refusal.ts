import * as Exit from "effect/Exit"
import { Ask } from "./Ask.ts"
import { AskError, type AskErrorReason } from "./AskError.ts"
import type { Item } from "./Envelope.ts"

/** Tells an asker that its message will not be handled. */
export const refuse = (actor: string, id: string, item: Item, reason: AskErrorReason): void => {
  if (!(item instanceof Ask)) return
  item.answer(Exit.fail(new AskError({ reason, actor, id, messageTag: item.message._tag })))
}
