import { useEffect } from "react";
import { useEditor } from "../store/editor";
import { Canvas } from "./Canvas";
import { Dock } from "./Dock";
import { EStopRecord } from "./EStopRecord";
import { Inspector } from "./Inspector";
import { LeftPanel } from "./LeftPanel";
import { LostStrip } from "./LostStrip";
import { EditorBar, TopBar } from "./TopBar";

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
