import { type NodeChange, useStoreApi } from "@xyflow/react";
import { useState } from "react";

/** Have the canvas measure only how large a card is: where its ports are, `model/card` knows, and looking
 *  for them costs a layout for each card. To be called before the canvas draws its first card. */
export function useKnownHandles(): void {
  const store = useStoreApi();
  useState(() =>
    store.setState({
      updateNodeInternals: (updates) => {
        const { nodeLookup, triggerNodeChanges } = store.getState();
        const changes: NodeChange[] = [];
        for (const { id, nodeElement } of updates.values()) {
          const measured = nodeLookup.get(id)?.measured;
          const dimensions = { width: nodeElement.offsetWidth, height: nodeElement.offsetHeight };
          const seen = dimensions.width > 0 && dimensions.height > 0;
          if (!measured || !seen || (measured.width === dimensions.width && measured.height === dimensions.height)) continue;
          changes.push({ id, type: "dimensions", dimensions });
        }
        triggerNodeChanges(changes);
      },
    }),
  );
}
