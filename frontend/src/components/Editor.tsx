import { useEffect } from "react";
import { useEditor } from "../store/editor";
import { EStopRecord } from "./bar/EStopRecord";
import { LostStrip } from "./bar/LostStrip";
import { EditorBar, TopBar } from "./bar/TopBar";
import { Canvas } from "./canvas/Canvas";
import { Dock } from "./dock/Dock";
import { Inspector } from "./inspector/Inspector";
import { LeftPanel } from "./left/LeftPanel";

/** The whole editor: bar, shelves, canvas, inspector, dock. */
export function Editor() {
  const name = useEditor((state) => state.graph?.space?.title || state.graph?.space?.name);
  const dock = useEditor((state) => state.dockOpen);
  useEffect(() => {
    document.title = name ? `${name} · funcnodes` : "funcnodes";
    return () => {
      document.title = "funcnodes";
    };
  }, [name]);
  return (
    <div className={`editor ${dock ? "" : "dock-shut"}`}>
      <TopBar>
        <h1 className="sr">{name}</h1>
        <EditorBar />
      </TopBar>
      <div className="strips">
        <LostStrip />
        <EStopRecord />
      </div>
      <LeftPanel />
      <Canvas />
      <Inspector />
      <Dock />
    </div>
  );
}
