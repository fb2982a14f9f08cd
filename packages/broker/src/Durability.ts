/**
 * What an acknowledged append survives.
 *
 * - `memory`: nothing but the process that holds it.
 * - `os`: the end of the process, by kill -9 too; not a power cut.
 * - `disk`: a power cut (the record was synced to the device before the answer).
 *
 * Printed at start-up and in every benchmark table; figures of different classes are never compared.
 */
export type Durability = "memory" | "os" | "disk"
