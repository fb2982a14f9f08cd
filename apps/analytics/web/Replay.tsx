import { Table } from "./Room.tsx"
import { Figure, StoryRoom } from "./StoryRoom.tsx"
import { replayKey, replayStory } from "./story.ts"
import { count, rowText } from "./text.ts"

/** The room of the replay. */
export const Replay = () => (
  <StoryRoom
    title="Replay"
    note="Folds everything again from the first record and compares every output of every stage with what is stored, byte by byte and in order; shows how a row came about, when one is named."
    story={replayStory}
    ask="Replay"
    controls={
      <label>
        row (optional){" "}
        <input
          id="replay-key"
          type="text"
          maxLength={200}
          placeholder="hour/2026-01-05T13/0/skiing"
          value={replayKey.value}
          onInput={(event) => {
            replayKey.value = event.currentTarget.value
          }}
        />
      </label>
    }
    figures={(report) => (
      <>
        <Figure name="version" value={report.version} />
        <Figure
          name="the same, byte by byte"
          value={report.replayEqualsLive ? "yes" : "NO"}
          bad={!report.replayEqualsLive}
        />
        <Figure name="through all stages" value={`${count(report.recordsPerSecond)} records/s`} />
      </>
    )}
    details={({ stages, steps, stepsLeftOut }) => (
      <>
        <Table
          label="The stages"
          head={["output topic of the stage", "inputs folded", "outputs compared", "equal"]}
          numbers={[1, 2, 3]}
        >
          {stages.map(({ inputs, name, outputs, replayEqualsLive }) => (
            <tr key={name}>
              <td>{name}</td>
              <td class="number">{count(inputs)}</td>
              <td class="number">{count(outputs)}</td>
              <td class={replayEqualsLive ? "number" : "number bad"}>{replayEqualsLive ? "yes" : "NO"}</td>
            </tr>
          ))}
        </Table>
        {steps.length === 0 ? null : (
          <>
            <h3>
              {count(steps.length)} steps of the row
              {stepsLeftOut === 0 ? "" : `; ${count(stepsLeftOut)} earlier ones are left out`}
            </h3>
            <div class="tall">
              <Table label="Steps of the row" head={["raw record", "event", "row after it"]} numbers={[0]}>
                {steps.map(({ kind, raw, row }) => (
                  <tr key={raw}>
                    <td class="number">{raw}</td>
                    <td>{kind}</td>
                    <td>{rowText(row)}</td>
                  </tr>
                ))}
              </Table>
            </div>
          </>
        )}
      </>
    )}
  />
)
