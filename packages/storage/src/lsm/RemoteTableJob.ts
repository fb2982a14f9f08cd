import { TableDamage, TableUnsupported } from "./TableDamage.ts"
import type { TableJobResult } from "./TableJob.ts"

/** What a worker answers for a job; errors lose their class on the way between threads, so they travel as data. */
export type TableJobAnswer =
  | { readonly _tag: "Done"; readonly result: TableJobResult }
  | {
      readonly _tag: "Damage"
      readonly file: string
      readonly from: number
      readonly to: number
      readonly expected: string
      readonly found: string
    }
  | { readonly _tag: "Unsupported"; readonly file: string; readonly version: string }
  | { readonly _tag: "System"; readonly code: string; readonly syscall: string; readonly message: string }
  | { readonly _tag: "Bug"; readonly message: string }

/** What was thrown by a job, as data. */
export const failureToAnswer = (error: unknown): TableJobAnswer => {
  if (error instanceof TableDamage) {
    const { file, from, to, expected, found } = error
    return { _tag: "Damage", file, from, to, expected, found }
  }
  if (error instanceof TableUnsupported) {
    return { _tag: "Unsupported", file: error.file, version: error.version }
  }
  if (error instanceof Error && "code" in error && "syscall" in error) {
    return {
      _tag: "System",
      code: String(error.code),
      syscall: String(error.syscall),
      message: error.message
    }
  }
  return { _tag: "Bug", message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

/** The result of an answer, or the error that it stands for, thrown. */
export const resultOfAnswer = (answer: TableJobAnswer): TableJobResult => {
  switch (answer._tag) {
    case "Done":
      return answer.result
    case "Damage":
      throw new TableDamage(answer.file, answer.from, answer.to, answer.expected, answer.found)
    case "Unsupported":
      throw new TableUnsupported(answer.file, answer.version)
    case "System":
      throw Object.assign(new Error(answer.message), { code: answer.code, syscall: answer.syscall })
    case "Bug":
      throw new Error(`A table job failed: ${answer.message}`)
  }
}
