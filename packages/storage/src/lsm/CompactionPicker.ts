import { compareKeys } from "./Bytes.ts"
import type { TableMeta } from "./TableMeta.ts"
import { bytesOf, overlapping, type Version } from "./Version.ts"

/** How large levels may be. */
export interface LevelShape {
  /** Tables in level 0 at which they are compacted. */
  readonly level0Trigger: number
  /** Bytes of level 1; each further level has ten times the one above. */
  readonly level1Bytes: number
}

/** Tables that are to be merged into a level. */
export interface Compaction {
  /** Runs of the upper level: one table each in level 0, else one. */
  readonly upper: ReadonlyArray<ReadonlyArray<TableMeta>>
  readonly lower: ReadonlyArray<TableMeta>
  /** Where the result goes. */
  readonly level: number
  /** Runs below that level, which may hold older versions of the keys. */
  readonly below: ReadonlyArray<ReadonlyArray<TableMeta>>
  /** True when tables only change their level: nothing there overlaps them. */
  readonly isMove: boolean
}

const growth = 10

/** Bytes that a level may have before it is compacted. */
export const levelBytesMax = (shape: LevelShape, level: number): number =>
  shape.level1Bytes * growth ** (level - 1)

/** The compaction that is most due, or `undefined` when every level is within its bounds. */
export const pickCompaction = (version: Version, shape: LevelShape): Compaction | undefined => {
  const { levels } = version
  let level = -1
  let most = 0
  // The last level has nowhere to go.
  for (let i = 0; i < levels.length - 1; i++) {
    const tables = levels[i] as ReadonlyArray<TableMeta>
    const score = i === 0 ? tables.length / shape.level0Trigger : bytesOf(tables) / levelBytesMax(shape, i)
    if (score >= 1 && score > most) {
      level = i
      most = score
    }
  }
  if (level < 0) return undefined
  const tables = levels[level] as ReadonlyArray<TableMeta>
  if (level === 0)
    return compactionOf(
      version,
      tables.map((table) => [table]),
      0
    )
  return compactionOf(version, [[cheapest(tables, levels[level + 1] as ReadonlyArray<TableMeta>)]], level)
}

/** The compaction of everything into one level: the lowest that has tables, but at least level 1. */
export const wholeCompaction = (version: Version): Compaction | undefined => {
  const { levels } = version
  const last = levels.findLastIndex((tables) => tables.length > 0)
  if (last < 0) return undefined
  const runs = [...(levels[0] as ReadonlyArray<TableMeta>).map((table) => [table]), ...levels.slice(1, last)]
  const level = Math.max(1, last)
  const lower = last === 0 ? [] : (levels[last] as ReadonlyArray<TableMeta>)
  return { upper: runs.filter((run) => run.length > 0), lower, level, below: [], isMove: false }
}

const compactionOf = (
  version: Version,
  upper: ReadonlyArray<ReadonlyArray<TableMeta>>,
  from: number
): Compaction => {
  const { levels } = version
  const level = from + 1
  const moving = upper.flat()
  const lower = within(levels[level] as ReadonlyArray<TableMeta>, moving)
  // Of everything that is read: a table of the lower level reaches further than those that come to it.
  const below = levels
    .slice(level + 1)
    .map((tables) => within(tables, [...moving, ...lower]))
    .filter((tables) => tables.length > 0)
  return { upper, lower, level, below, isMove: lower.length === 0 && areDisjoint(moving) }
}

/** The tables that have keys between the smallest and the largest of `others`. */
const within = (
  tables: ReadonlyArray<TableMeta>,
  others: ReadonlyArray<TableMeta>
): ReadonlyArray<TableMeta> =>
  overlapping(
    tables,
    others.map((table) => table.smallest).reduce((a, b) => (compareKeys(a, b) < 0 ? a : b)),
    others.map((table) => table.largest).reduce((a, b) => (compareKeys(a, b) > 0 ? a : b))
  )

const areDisjoint = (tables: ReadonlyArray<TableMeta>): boolean => {
  const sorted = tables.toSorted((a, b) => compareKeys(a.smallest, b.smallest))
  return sorted.every(
    (table, i) => i === 0 || compareKeys((sorted[i - 1] as TableMeta).largest, table.smallest) < 0
  )
}

/** The table that moves the most bytes of its own for the fewest of the level below. */
const cheapest = (tables: ReadonlyArray<TableMeta>, next: ReadonlyArray<TableMeta>): TableMeta =>
  tables
    .map((table) => ({
      table,
      cost: bytesOf(overlapping(next, table.smallest, table.largest)) / table.bytes
    }))
    .reduce((a, b) => (b.cost < a.cost ? b : a)).table
