import * as Schema from "effect/Schema"

/** A partition is no longer owned: what was being appended is not stored, and nothing more will be under this epoch. */
export class OwnershipLost extends Schema.TaggedError<OwnershipLost>()("OwnershipLost", {
  topic: Schema.String,
  /** The name under which partitions are owned. */
  name: Schema.String,
  partition: Schema.Number,
  epoch: Schema.Number,
  /**
   * `claimed`: another owner's claim is in the topic · `lease`: another one holds the lease, or it could not be renewed in
   * time · `released`: the scope of the claim is closed.
   */
  by: Schema.Literals(["claimed", "lease", "released"])
}) {
  override get message() {
    const how = {
      claimed: "another owner claimed it",
      lease: "its lease went to another owner, or could not be renewed in time",
      released: "the scope of its claim is closed"
    }[this.by]
    return `partition ${this.partition} of ${this.name} in ${this.topic} is no longer owned under epoch ${this.epoch}: ${how}. Stop working on it; claim it again to go on.`
  }
}
