import { hasSaid, type Said, saidOf } from "../../model/applied";
import type { NodeView, PortView } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import { usePortValue } from "./usePortValue";

/** What the device says that an input sets; null where it says nothing, or the input is no setting. */
export function useDeviceSays(node: string, port: string): Said | null {
  const said = useEditor((state) => {
    const view = state.graph?.nodes[node];
    return view && hasSaid(view, port) ? saidOf(view, state.graph?.devices[view.device]) : null;
  });
  return said;
}

/** Whether to mark an input as not applied: what it holds is not what the device, or the world, has. */
export function useUnapplied(node: NodeView, port: PortView, wired: boolean): boolean {
  const { applied, value } = usePortValue(node.id, port.id);
  const arming = useEditor((state) => state.graph?.space?.arming);
  const acting = node.state === "running" || node.state === "queued";
  if (applied || acting || value === null || arming === "running") return false;
  return !wired || arming === "live"; // what comes by a wire is to be there while Live is on only
}
