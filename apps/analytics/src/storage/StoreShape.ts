import { Lsm } from "@troupe/storage/lsm"

/** Small files, so that a short run rolls, compacts and archives many. */
const memtableBytes = 128 * 1024

/** Opens the story's store: the last `versions` of each key stay known, and full files of its log are archived. */
export const open = (directory: string, versions = 4) =>
  Lsm.open({
    directory: `${directory}/store`,
    durability: "os",
    memtableBytes,
    tableBytes: memtableBytes,
    level1Bytes: 4 * memtableBytes,
    history: { versions },
    wal: { segmentBytes: memtableBytes, archive: `${directory}/archive` }
  })
