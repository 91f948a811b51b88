import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Puts `src/theme.js` into the head as a plain script of its own, so that the theme is set before
 *  the first paint; the content policy forbids inline scripts. */
function themeFirst(): Plugin {
  const source = readFileSync(new URL("./src/theme.js", import.meta.url), "utf8");
  const hash = createHash("sha256").update(source).digest("hex").slice(0, 8);
  const fileName = `assets/theme-${hash}.js`;
  return {
    name: "theme-first",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName, source });
    },
    transformIndexHtml: () => [{ tag: "script", attrs: { src: `/${fileName}` }, injectTo: "head-prepend" }],
  };
}

export default defineConfig({
  plugins: [react(), themeFirst()],
  build: {
    outDir: "../funcnodes/web/editor",
    emptyOutDir: true,
    sourcemap: false,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
});
