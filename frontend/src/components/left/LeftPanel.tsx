import { set, useEditor } from "../../store/editor";
import { BenchSummary } from "../bench/BenchSummary";
import { BenchTab } from "../bench/BenchTab";
import { TabPanel, Tabs } from "../parts/Tabs";
import { Palette } from "./Palette";

export function LeftPanel() {
  const tab = useEditor((state) => state.leftTab);
  const devices = useEditor((state) => Object.keys(state.graph?.devices ?? {}).length);
  return (
    <aside className="left" aria-label="Nodes and bench">
      <h2 className="sr">Nodes and bench</h2>
      <Tabs
        label="Left panel"
        value={tab}
        tabs={[
          { key: "nodes", label: "Nodes" },
          { key: "bench", label: "Bench", count: devices },
        ]}
        onChange={(leftTab) => set({ leftTab })}
      />
      <TabPanel name={tab}>
        {tab === "nodes" ? <Palette /> : <BenchTab />}
        <BenchSummary />
      </TabPanel>
    </aside>
  );
}
