import { useSyncExternalStore } from "react";
import type { Value } from "../../model/values";
import { portValues } from "../../store/streams";

/** The newest value of a port, at most once per turn of the page's pace. */
export function usePortValue(node: string, port: string): Value {
  return useSyncExternalStore(
    (listener) => portValues.subscribe(node, port, listener),
    () => portValues.get(node, port),
  );
}

/** Only whether a port is stale, for what need not follow its every value. */
export function usePortStale(node: string, port: string): boolean {
  return useSyncExternalStore(
    (listener) => portValues.subscribe(node, port, listener),
    () => portValues.get(node, port).stale,
  );
}
