/** `import { Contract } from "@troupe/broker/contract"`: the suite that every backend runs. */
export * as Contract from "./contract/suite.ts"
