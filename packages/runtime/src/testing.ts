/** `import { DeciderTest, Interleavings, TestKit } from "@troupe/runtime/testing"`: tools for tests, under any runner. */
export * as DeciderTest from "./testing/DeciderTest.ts"
export * as Interleavings from "./testing/Interleavings.ts"
export { SeededScheduler } from "./testing/SeededScheduler.ts"
export * as TestKit from "./testing/TestKit.ts"
