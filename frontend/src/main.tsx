import { createRoot } from "react-dom/client";
import "@xyflow/react/dist/base.css";
import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/app.css";
import "./styles/editor.css";
import "./styles/start.css";
import "./styles/narrow.css";
import { App } from "./components/App";
import { arrive } from "./store/arrival";

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
void arrive();
addEventListener("hashchange", () => /[#&]token=/.test(location.hash) && void arrive());
