import { Room } from "./Room.tsx"
import { Ask, Figure } from "./StoryRoom.tsx"
import { social } from "./social.ts"
import { promoteStory, rollbackStory, type Story } from "./story.ts"
import { count, millis } from "./text.ts"

const moment = (value: number) => new Date(value).toISOString().slice(0, 19).replace("T", " ")

const changes = { begin: "begun", promote: "promoted", rollback: "rolled back" } as const

/** Asks for a change, and forgets what came of the other one. */
const alone = <A, B>(story: Story<A>, other: Story<B>): Story<A> => ({
  ...story,
  tell: () => {
    other.report.value = undefined
    other.failure.value = ""
    story.report.value = undefined
    return story.tell()
  }
})

const promote = alone(promoteStory, rollbackStory)
const rollback = alone(rollbackStory, promoteStory)

/** The room of the alias: which version readers are told to read, and its changes. */
export const Promotion = () => {
  const alias = social.value?.alias
  const promoted = promoteStory.report.value
  const rolledBack = rollbackStory.report.value
  const refusal = promoteStory.failure.value || rollbackStory.failure.value
  return (
    <Room
      title="Promote and roll back"
      note="One record, the alias, says which version readers read. A promotion wants every difference explained and every row proved, and then changes that record by one compare-and-set; a rollback changes it back by another."
      busy={promoteStory.isRunning.value || rollbackStory.isRunning.value}
    >
      <dl>
        <Figure name="readers read version" value={alias?.current ?? "–"} />
        <Figure name="the one before" value={alias?.previous ?? "none"} />
        <Figure name="revision of the alias" value={alias?.revision ?? "–"} />
        <Figure
          name={alias === undefined ? "changed" : `${changes[alias.change]} (UTC)`}
          value={alias === undefined ? "–" : moment(alias.changedAtMillis)}
        />
      </dl>
      <div class="controls">
        <Ask story={promote}>Promote version 2</Ask>
        <Ask story={rollback}>Roll back</Ask>
      </div>
      {refusal === "" ? null : <p role="alert">{refusal}</p>}
      <div role="status">
        {promoted === undefined ? null : (
          <p>
            Readers are told version {promoted.to} instead of {promoted.from}, {millis(promoted.millis)} after
            the change was asked for. Proved: {count(promoted.provedRows)} rows; all{" "}
            {count(promoted.differences)} differences are explained.
          </p>
        )}
        {rolledBack === undefined ? null : (
          <p>
            Readers are told version {rolledBack.to} instead of {rolledBack.from}, {millis(rolledBack.millis)}{" "}
            after the change was asked for.
          </p>
        )}
      </div>
    </Room>
  )
}
