import {
  BrokerError,
  type BrokerErrorReason,
  Conflict,
  NotFound,
  Rejected,
  SpecMismatch,
  StorageFailed
} from "../BrokerError.ts"
import type { Refusal } from "./AppendPlan.ts"
import type { StoreFailure } from "./LocalStorage.ts"

/** A `BrokerError` from its parts. */
export const brokerError = (
  reason: BrokerErrorReason,
  operation: string,
  detail: string,
  cause?: unknown
): BrokerError => new BrokerError({ reason, operation, detail, ...(cause === undefined ? {} : { cause }) })

/** What a refusal of the pure core is to a caller. */
export const refusalError = (refusal: Refusal, operation: string): BrokerError =>
  refusal.tag === "Conflict"
    ? brokerError(
        new Conflict({ subject: refusal.subject, expected: refusal.expected, actual: refusal.actual }),
        operation,
        `Expected the last sequence of "${refusal.subject}" to be ${refusal.expected}, it is ${refusal.actual}: read again and decide again.`
      )
    : brokerError(new Rejected({ cause: refusal.cause }), operation, `${refusal.detail}.`)

/** A request that no backend would take. */
export const rejectedError = (cause: Rejected["cause"], operation: string, detail: string): BrokerError =>
  brokerError(new Rejected({ cause }), operation, detail)

/** There is no such thing, or there is none any more. */
export const notFoundError = (what: NotFound["what"], operation: string, detail: string): BrokerError =>
  brokerError(new NotFound({ what }), operation, detail)

/** It exists, but not so. */
export const mismatchError = (
  what: SpecMismatch["what"],
  operation: string,
  fields: ReadonlyArray<string>
): BrokerError =>
  brokerError(
    new SpecMismatch({ what, fields }),
    operation,
    `The ${what} exists with another ${fields.join(", ")}: open it with the specification it has${
      what === "subscription" ? ", or change it with update" : ""
    }.`
  )

/** The store under a topic failed. */
export const storageError = (failure: StoreFailure, operation: string): BrokerError =>
  brokerError(new StorageFailed(), operation, failure.detail, failure.cause)
