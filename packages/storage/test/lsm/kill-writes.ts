import type { LsmOptions, LsmWrite } from "../../src/lsm.ts"

/** Writes of one batch. */
export const batchWrites = 4

/** The write with a sequence: everything of it follows from the number. */
export const writeOf = (sequence: number): LsmWrite => {
  const key = `key:${String((sequence * 7919) % 3001).padStart(6, "0")}`
  if (sequence % 3 === 0) return { type: "delete", key }
  return { type: "put", key, value: `value ${sequence} `.padEnd(20 + (sequence % 80), "x") }
}

/** A store so small that it flushes and compacts, in worker threads, all the time. */
export const options = (directory: string, durability: LsmOptions["durability"]): LsmOptions => ({
  directory,
  durability,
  memtableBytes: 64 * 1024,
  tableBytes: 64 * 1024,
  level1Bytes: 128 * 1024,
  cacheBytes: 256 * 1024,
  manifestBytes: 4096
})
