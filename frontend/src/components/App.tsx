import { lazy, Suspense, useEffect } from "react";
import { hurry } from "../store/arrival";
import { get, isLatched, set, useEditor } from "../store/editor";
import { pace } from "../store/pace";
import { Strips } from "./bar/Strips";
import { TopBar } from "./bar/TopBar";
import { Dialogs } from "./dialogs/Dialogs";
import { AddPalette } from "./left/AddPalette";
import { Sprite } from "./parts/Icon";
import { Toasts } from "./parts/Toasts";
import { Prompts } from "./prompts/Prompts";
import { NoWorker } from "./start/NoWorker";
import { SignIn } from "./start/SignIn";
import { Start } from "./start/Start";
import { useKeys } from "./useKeys";

const Editor = lazy(() => import("./Editor").then(({ Editor }) => ({ default: Editor })));

export function App() {
  useKeys();
  useEffect(() => {
    const back = () => !document.hidden && hurry();
    const route = () => set({ route: location.pathname.startsWith("/start") ? "start" : "editor" });
    document.addEventListener("visibilitychange", back);
    addEventListener("online", back);
    addEventListener("popstate", route);
    return () => {
      document.removeEventListener("visibilitychange", back);
      removeEventListener("online", back);
      removeEventListener("popstate", route);
    };
  }, []);
  return (
    <>
      <Sprite />
      <Prompts />
      <Suspense fallback={<Waiting />}>
        <Page />
      </Suspense>
      <AddPalette />
      <Dialogs />
      <Toasts />
    </>
  );
}

function markStopped(): void {
  document.body.classList.toggle("is-stopped", isLatched(get()));
}

function Page() {
  const phase = useEditor((state) => state.phase);
  const route = useEditor((state) => state.route);
  const hasGraph = useEditor((state) => state.graph !== null);
  const hasSpace = useEditor((state) => state.graph?.space != null);
  const stopped = useEditor(isLatched);
  const connected = useEditor((state) => state.connected);
  useEffect(() => {
    document.body.classList.toggle("is-lost", hasGraph && !connected);
    // In a turn of its own: that a press was taken is on screen before all values are drawn anew.
    pace.soon(markStopped);
  }, [stopped, hasGraph, connected]);
  switch (phase) {
    case "signed-out":
      return <SignIn />;
    case "no-worker":
      return <NoWorker />;
    case "loading":
      return <Waiting />;
    case "ready":
      if (!hasGraph) return <Waiting />;
      return route === "start" || !hasSpace ? <Start /> : <Editor />;
  }
}

function Waiting() {
  const reason = useEditor((state) => state.lostReason);
  const phase = useEditor((state) => state.phase);
  return (
    <div className="page">
      <TopBar />
      <Strips />
      <main className="lone">
        <p className="dim" role="status">{reason || (phase === "loading" ? "Asking the server." : "Waiting for the worker.")}</p>
      </main>
    </div>
  );
}
