/** Why the app does not do what it was asked: RFC 9457 problems, whose `detail` says what to do. */
import { HttpApiError } from "effect/http-api"
import * as Schema from "effect/Schema"

/** The same thing, or one that it cannot be done beside, is being done right now. */
export class StillRunning extends HttpApiError.Problem<StillRunning>()(
  "StillRunning",
  { type: "urn:troupe:still-running", status: 409, title: "Still running" },
  { running: Schema.String }
) {}

export const stillRunning = (running: string): StillRunning =>
  new StillRunning({
    running,
    detail: `${running} is running right now. Wait for it to end, then ask again.`
  })

/** The run is not in a state in which this may be done; nothing was changed. */
export class Refused extends HttpApiError.Problem<Refused>()("Refused", {
  type: "urn:troupe:refused",
  status: 409,
  title: "Refused"
}) {}

/** There is nothing of this name. */
export class NotThere extends HttpApiError.Problem<NotThere>()("NotThere", {
  type: "urn:troupe:not-there",
  status: 404,
  title: "Not there"
}) {}

/** What was asked for was begun, and failed. */
export class Failed extends HttpApiError.Problem<Failed>()("Failed", {
  type: "urn:troupe:failed",
  status: 500,
  title: "Failed"
}) {}
