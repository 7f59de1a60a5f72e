// Evaluated inside the page: how far it reaches past its right edge, its ground, and the weakest contrast of its text.
(() => {
  const luminance = (color) => {
    const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const canvas = document.createElement("div");
  canvas.style.color = "Canvas";
  document.body.append(canvas);
  const ground = luminance(getComputedStyle(canvas).color);
  canvas.remove();
  const contrasts = [...document.querySelectorAll("h1, h2, p, td, th, pre, span")].map((one) => {
    const text = luminance(getComputedStyle(one).color);
    return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
  });
  return {
    overflow: document.documentElement.scrollWidth - window.innerWidth,
    isDark: ground < 0.5,
    worstContrast: Math.min(...contrasts),
  };
})();
