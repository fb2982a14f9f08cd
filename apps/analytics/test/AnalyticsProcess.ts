import * as Program from "@troupe/vitest/program"

export { temporaryDirectory } from "@troupe/vitest/program"

/** A run of the app. */
export const start = (...args: ReadonlyArray<string>): Program.Program =>
  Program.start(`${import.meta.dirname}/..`, args)

/** A run to its end, whose one JSON object is the answer. */
export const json = async (...args: ReadonlyArray<string>): Promise<Record<string, unknown>> => {
  const { code, stderr, stdout } = await start("--once", "--json", ...args).ended
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}

/** The address that a live run prints. */
export const addressOf = async (run: Program.Program): Promise<string> => {
  const url = await run.says(/http:\/\/127\.0\.0\.1:\d+/)
  if (url === undefined) throw new Error(`the app did not open its page: ${(await run.ended).stderr}`)
  return url
}
