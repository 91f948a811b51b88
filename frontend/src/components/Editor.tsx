import { useEffect } from "react";
import { useEditor } from "../store/editor";
import { PanelBar } from "./bar/PanelBar";
import { Strips } from "./bar/Strips";
import { EditorBar, TopBar } from "./bar/TopBar";
import { BenchLine } from "./bench/BenchLine";
import { Canvas } from "./canvas/Canvas";
import { Dock } from "./dock/Dock";
import { Inspector } from "./inspector/Inspector";
import { LeftPanel } from "./left/LeftPanel";

/** The whole editor: bar, shelves, canvas, inspector, dock. */
export function Editor() {
  const name = useEditor((state) => state.graph?.space?.title || state.graph?.space?.name);
  const dock = useEditor((state) => state.dockOpen);
  const panel = useEditor((state) => state.panel);
  useEffect(() => {
    document.title = name ? `${name} · funcnodes` : "funcnodes";
    return () => {
      document.title = "funcnodes";
    };
  }, [name]);
  return (
    <div className={`editor ${dock ? "" : "dock-shut"}`} data-panel={panel}>
      <TopBar>
        <h1 className="sr">{name}</h1>
        <EditorBar />
      </TopBar>
      <Strips>
        <BenchLine />
      </Strips>
      <LeftPanel />
      <Canvas />
      <Inspector />
      <Dock />
      <PanelBar />
    </div>
  );
}
