import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** What is alive on the heap, in bytes: garbage is collected first. */
export const bytesAlive = (): number => {
  // Once for what is garbage, once more for what only weak references and finalizers held.
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
