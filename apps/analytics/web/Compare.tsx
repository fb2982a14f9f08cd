import type { CompareShown } from "../src/social/CompareShown.ts"
import { Table } from "./Room.tsx"
import { Figure, StoryRoom } from "./StoryRoom.tsx"
import { compareEvents, compareStory } from "./story.ts"
import { count, millis, rowText } from "./text.ts"

const sizes = [5_000, 20_000, 50_000]

const Side = ({ report }: { report: CompareShown }) => {
  const { answerMillis, cpuSecondsPerMillion, freshnessMillis, kappa, lambda, linesOfCode } = report
  const rows: ReadonlyArray<readonly [string, string, string]> = [
    ["wrong rows", count(lambda.corrected.count), count(kappa.count)],
    ["fresh after, p50", millis(freshnessMillis.lambda.p50), millis(freshnessMillis.kappa.p50)],
    ["fresh after, p99", millis(freshnessMillis.lambda.p99), millis(freshnessMillis.kappa.p99)],
    ["one answer to everything", millis(answerMillis.lambda), millis(answerMillis.kappa)],
    ["CPU a million records", `${cpuSecondsPerMillion.lambda} s`, `${cpuSecondsPerMillion.kappa} s`],
    ["lines of code of its own", count(linesOfCode.lambda.lines), count(linesOfCode.kappa.lines)]
  ]
  return (
    <Table label="What each costs and gets wrong" head={["", "Lambda, corrected", "Kappa"]} numbers={[1, 2]}>
      {rows.map(([name, ofLambda, ofKappa]) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td class="number">{ofLambda}</td>
          <td class="number">{ofKappa}</td>
        </tr>
      ))}
    </Table>
  )
}

const filesOf = ({ files }: CompareShown["linesOfCode"]["lambda"]) =>
  files.map(({ lines, name }) => `${name} ${lines}`).join(", ")

const Lines = ({ report }: { report: CompareShown }) => {
  const { both, kappa, lambda } = report.linesOfCode
  return (
    <details>
      <summary>Which lines were counted</summary>
      <p>
        This app's own sources, without blank lines and comments; not the packages under them. Lambda:{" "}
        {filesOf(lambda)}. Kappa: {filesOf(kappa)}. Both need {count(both.lines)} more: {filesOf(both)}. Of{" "}
        QuestionSql.ts one query serves the proof of Kappa too.
      </p>
    </details>
  )
}

const Wirings = ({ report }: { report: CompareShown }) => {
  const { first, wirings } = report.lambda.naive
  return (
    <>
      <h3>Lambda wired the classic ways, with the first rows that each gets wrong</h3>
      <ul class="list">
        {Object.entries(wirings).map(([name, wrong]) => {
          const listed = first.filter(({ wiring }) => wiring === name)
          return (
            <li key={name}>
              <strong>{name}</strong>: {count(wrong)} wrong rows: {listed[0]?.cause ?? ""}
              <ul>
                {listed.map(({ at, key, lambda, question, truth }) => (
                  <li key={`${question} ${key} ${at}`}>
                    {question} <code>{key}</code> at record {count(at)}: answered <em>{rowText(lambda)}</em>,
                    true is <em>{rowText(truth)}</em>
                  </li>
                ))}
              </ul>
            </li>
          )
        })}
      </ul>
    </>
  )
}

/** The room of the two architectures over one feed. */
export const Compare = () => (
  <StoryRoom
    title="Lambda beside Kappa"
    note="Both answer the same questions over the same feed, in a process of its own on the memory broker. The truth is what DuckDB computes over all events; a row that is not the truth is wrong. Times are taken while this app goes on beside it."
    story={compareStory}
    ask="Compare"
    controls={
      <label>
        records{" "}
        <select
          value={compareEvents.value}
          onChange={(event) => {
            compareEvents.value = Number(event.currentTarget.value)
          }}
        >
          {sizes.map((size) => (
            <option key={size} value={size}>
              {count(size)}
            </option>
          ))}
        </select>
      </label>
    }
    figures={(report) => (
      <>
        <Figure name="records" value={count(report.events)} />
        <Figure name="rows of truth compared" value={count(report.rows)} />
        <Figure
          name="wrong, wired right"
          value={count(report.lambda.corrected.count + report.kappa.count)}
          bad={report.lambda.corrected.count + report.kappa.count > 0}
        />
        <Figure
          name="wrong, wired the classic ways"
          value={count(Object.values(report.lambda.naive.wirings).reduce((sum, wrong) => sum + wrong, 0))}
        />
      </>
    )}
    details={(report) => (
      <>
        <Side report={report} />
        <Lines report={report} />
        <Wirings report={report} />
      </>
    )}
  />
)
