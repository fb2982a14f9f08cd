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
const addressOf = async (run: Program.Program): Promise<string> => {
  const url = await run.says(/http:\/\/127\.0\.0\.1:\d+/)
  if (url === undefined) throw new Error(`the app did not open its page: ${(await run.ended).stderr}`)
  return url
}

/** Why the app does not do what it was asked (RFC 9457). */
interface Problem {
  readonly type: string
  readonly detail: string
  readonly running?: string
  readonly errors?: ReadonlyArray<{ readonly path: ReadonlyArray<string> }>
}

/** A live run on a free port, in memory unless the flags say otherwise; it is stopped when the block that uses it ends. */
export const live = async (...args: ReadonlyArray<string>) => {
  const broker = args.includes("--broker") ? [] : ["--broker", "memory"]
  const run = start("--port", "0", ...broker, ...args)
  const url = await addressOf(run)
  /** Asks with POST; what it answers is a problem unless somebody says otherwise. */
  const post = async <A = Problem>(path: string, body?: object) => {
    const answer = await fetch(`${url}${path}`, {
      method: "POST",
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
    })
    return {
      status: answer.status,
      type: answer.headers.get("content-type"),
      body: (await answer.json()) as A
    }
  }
  const get = async <A>(path: string) => (await (await fetch(`${url}${path}`)).json()) as A
  const stop = async () => {
    run.kill("SIGINT")
    return await run.ended
  }
  return { run, url, post, get, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}
