import type { ReactNode } from "react";
import { type DockTab, set, useEditor } from "../../store/editor";
import { Icon } from "../parts/Icon";
import { TabPanel, Tabs } from "../parts/Tabs";
import { DataTab } from "./DataTab";
import { LogTab } from "./LogTab";
import { QueueTab } from "./QueueTab";
import { TrafficTab } from "./TrafficTab";

const PANELS: Record<DockTab, () => ReactNode> = { data: () => <DataTab />, queue: () => <QueueTab />, log: () => <LogTab />, traffic: () => <TrafficTab /> };

export function Dock() {
  const tab = useEditor((state) => state.dockTab);
  const open = useEditor((state) => state.dockOpen);
  const errors = useEditor((state) => state.graph?.log.filter((line) => line.level === "error").length ?? 0);
  const queued = useEditor((state) => state.graph?.queue.entries.filter((entry) => entry.place > 0).length ?? 0);
  return (
    <section className={`dock ${open ? "" : "shut"}`} aria-label="Dock">
      <Tabs
        label="Dock"
        value={tab}
        tabs={[
          { key: "data", label: "Data" },
          { key: "queue", label: "Queue", ...(queued ? { count: queued } : {}) },
          { key: "log", label: "Log", ...(errors ? { count: errors } : {}) },
          { key: "traffic", label: "Instrument traffic" },
        ]}
        onChange={(dockTab: DockTab) => set({ dockTab, dockOpen: true })}
      >
        <span className="grow" />
        <button type="button" className="btn ghost sm icon" aria-expanded={open} aria-label={open ? "Fold the dock" : "Unfold the dock"} onClick={() => set({ dockOpen: !open })}>
          <Icon name="down" small className={open ? "" : "up"} />
        </button>
      </Tabs>
      {open && <TabPanel name={tab}>{PANELS[tab]()}</TabPanel>}
    </section>
  );
}
