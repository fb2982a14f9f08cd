export { DirectoryHeld } from "./DirectoryHeld.ts"
export * as Embedded from "./Embedded.ts"
