// Runs before the first paint, outside the bundle, so that nothing fades in.
(function () {
  var wanted = null;
  try {
    wanted = localStorage.getItem("funcnodes.theme");
  } catch (error) {
    // Storage may be forbidden; the system's preference then decides.
  }
  var dark = wanted === "dark" || (wanted !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
