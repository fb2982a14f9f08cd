import * as Program from "@troupe/vitest/program"

export { temporaryDirectory } from "@troupe/vitest/program"

/** A run of the app. */
export const start = (...args: ReadonlyArray<string>): Program.Program =>
  Program.start(`${import.meta.dirname}/..`, args)

/** The shop, open on a free port; ended with the test. */
export const open = async (...args: ReadonlyArray<string>) => {
  const run = start("--port", "0", ...args)
  const url = await run.says(/http:\/\/127\.0\.0\.1:\d+/)
  if (url === undefined) throw new Error(`the shop did not open: ${(await run.ended).stderr}`)
  return {
    ...run,
    url,
    [Symbol.asyncDispose]: async () => {
      run.kill("SIGKILL")
      await run.ended
    }
  }
}
