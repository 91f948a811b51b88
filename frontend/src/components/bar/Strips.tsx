import type { ReactNode } from "react";
import { EStopRecord } from "./EStopRecord";
import { LostStrip } from "./LostStrip";

/** What has to be said above everything else, under the bar of every page. */
export function Strips({ children }: { children?: ReactNode }) {
  return (
    <div className="strips">
      <LostStrip />
      <EStopRecord />
      {children}
    </div>
  );
}
