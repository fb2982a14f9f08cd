import type { Cell } from "./Cell.ts"
import type { Host } from "./Host.ts"
import type { ActorNode } from "./Inspection.ts"
import { Phase } from "./Phase.ts"

const states: { readonly [P in Phase]: ActorNode["state"] } = {
  [Phase.idle]: "idle",
  [Phase.scheduled]: "working",
  [Phase.busy]: "working",
  [Phase.waiting]: "working",
  [Phase.restarting]: "restarting",
  [Phase.closing]: "stopping",
  [Phase.dead]: "stopping"
}

/** Every actor in memory, below the one that spawned it. */
export const treeOf = (hosts: Iterable<Host>): ReadonlyArray<ActorNode> => {
  const roots: Array<ActorNode> = []
  for (const host of hosts) {
    if (host.parent === undefined) for (const cell of host.all()) roots.push(nodeOf(cell))
  }
  return roots
}

const nodeOf = (cell: Cell): ActorNode => {
  const children: Array<ActorNode> = []
  for (const host of cell.rare?.children ?? []) {
    for (const child of host.all()) children.push(nodeOf(child))
  }
  return {
    actor: cell.host.registration.actor,
    id: cell.id,
    state: states[cell.phase],
    queued: cell.queued,
    stashed: cell.rare?.stash?.length ?? 0,
    restarts: cell.rare?.backoff?.restarts ?? 0,
    children
  }
}
