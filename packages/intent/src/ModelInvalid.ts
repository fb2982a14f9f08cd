import * as Schema from "effect/Schema"

const remedies = {
  foreign: "Give the bytes that ModelBlob.encode made",
  newer: "Update @troupe/intent, or train the model again with this version",
  damaged: "Fetch or store the blob again: bytes are missing or changed",
  content: "Train the model again: it was not made by ModelBlob.encode of this package"
} as const

/**
 * Bytes that are no model this code can use. `foreign`: something else altogether · `newer`: of a later format ·
 * `damaged`: cut short or changed on the way · `content`: whole, but not the parameters of such a model.
 */
export class ModelInvalid extends Schema.TaggedError<ModelInvalid>()("ModelInvalid", {
  reason: Schema.Literals(["foreign", "newer", "damaged", "content"]),
  detail: Schema.String
}) {
  override get message() {
    return `not a usable model: ${this.detail}. ${remedies[this.reason]}.`
  }
}
