import { type Panel, set, useEditor } from "../../store/editor";
import { Icon } from "../parts/Icon";

const PANELS: Array<{ panel: Panel; label: string; icon: string }> = [
  { panel: "canvas", label: "Canvas", icon: "tidy" },
  { panel: "left", label: "Nodes, bench", icon: "device" },
  { panel: "inspector", label: "Details", icon: "sliders" },
  { panel: "dock", label: "Data, log", icon: "table" },
];

/** Which panel is seen where there is room for one only. */
export function PanelBar() {
  const shown = useEditor((state) => state.panel);
  return (
    <nav className="panelbar" aria-label="Panels">
      {PANELS.map(({ panel, label, icon }) => (
        <button key={panel} type="button" aria-pressed={panel === shown} onClick={() => set(panel === "dock" ? { panel, dockOpen: true } : { panel })}>
          <Icon name={icon} />
          {label}
        </button>
      ))}
    </nav>
  );
}
