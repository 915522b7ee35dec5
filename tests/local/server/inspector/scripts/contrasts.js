// Returns the contrast of each text to its background (WCAG 2.2, 1.4.3), by the text.
const channels = (color) => {
  const numbers = color.match(/[\d.e-]+/g).map(Number);
  const scale = color.startsWith("color(") ? 255 : 1;
  return [...numbers.slice(0, 3).map((number) => number * scale), numbers[3] ?? 1];
};

const over = (above, below) => above.slice(0, 3).map((value, index) => value * above[3] + below[index] * (1 - above[3]));

const background = (element) => {
  if (!element) return [255, 255, 255];
  const color = channels(getComputedStyle(element).backgroundColor);
  return color[3] === 1 ? color : over(color, background(element.parentElement));
};

const luminance = (color) => {
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const [red, green, blue] = color.slice(0, 3).map((value) => linear(value / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

const contrast = (one, other) => {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};

const found = {};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.data.trim();
  const element = walker.currentNode.parentElement;
  if (!text || !element.checkVisibility() || element.closest("noscript, script, option")) continue;
  const below = background(element);
  found[text.slice(0, 40)] = contrast(over(channels(getComputedStyle(element).color), below), below);
}
return found;
