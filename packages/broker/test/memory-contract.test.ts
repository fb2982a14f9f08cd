import { Contract } from "@troupe/broker/contract"
import { layerMemory } from "../src/MemoryBroker.ts"

Contract.suite({ name: "memory", layer: layerMemory })
