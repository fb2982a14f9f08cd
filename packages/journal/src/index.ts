export * as HistoryRecord from "./HistoryRecord.ts"
export * as Journal from "./Journal.ts"
