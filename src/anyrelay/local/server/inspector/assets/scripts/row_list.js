// A list of rows of one height, of which only those in view are drawn. The list is a listbox: arrows move in it.

import { element } from "./dom.js";

const ROWS_BEYOND_VIEW = 8;

export class RowList {
  #box;
  #space = element("div", { class: "rows-space" });
  #options;
  #items = [];
  #indexes = new Map();
  #drawn = new Map();
  #active = null;
  #staysAtEnd = false;

  /**
   * @param {HTMLElement} box the element that scrolls, with the role listbox
   * @param {Object} options
   * @param {number} options.height the height of a row in pixels
   * @param {(item) => *} options.key what tells an item from all others
   * @param {(item) => Node[]} options.draw the content of a row; an item that changes is another object
   * @param {(item) => void} options.onActive called when the user moves to an item
   * @param {(item) => void} options.onOpen called when the user presses Enter on an item
   * @param {(item) => void} options.onClick called when the user clicks an item, after `onActive`
   * @param {() => boolean} options.startsAtEnd whether the first rows are shown from their end; such a list stays at its end when
   *   rows are added, if the user has not scrolled away. Without it, a list stays where it is
   */
  constructor(box, options) {
    this.#box = box;
    this.#options = options;
    box.replaceChildren(this.#space);
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    box.addEventListener("keydown", (event) => this.#pressed(event));
    box.addEventListener("click", (event) => this.#clicked(event));
    new ResizeObserver(() => this.#resized()).observe(box);
  }

  /** The item that the user is at, undefined for none. */
  get active() {
    return this.#items[this.#indexes.get(this.#active)];
  }

  /** The first item, undefined for none. */
  get first() {
    return this.#items[0];
  }

  /** Show these items. */
  show(items) {
    const { key, startsAtEnd } = this.#options;
    const box = this.#box;
    if (!this.#items.length) this.#staysAtEnd = startsAtEnd?.() ?? false;
    const first = this.#items[Math.floor(box.scrollTop / this.#options.height)];
    const before = first === undefined ? 0 : this.#indexes.get(key(first));
    this.#items = items;
    this.#indexes = new Map(items.map((item, index) => [key(item), index]));
    this.#space.style.height = `${this.#height}px`;
    const now = first === undefined ? undefined : this.#indexes.get(key(first));
    if (this.#staysAtEnd) box.scrollTop = this.#height;
    else if (box.scrollTop > 0 && now !== undefined) box.scrollTop += (now - before) * this.#options.height;
    this.#draw();
  }

  /** Make the item with this key the active one, and scroll to it; null for none. */
  activate(key) {
    this.#active = key;
    const index = this.#indexes.get(key);
    if (index !== undefined) this.#scrollTo(index);
    this.#draw();
  }

  focus() {
    this.#box.focus();
  }

  get #height() {
    return this.#items.length * this.#options.height;
  }

  #scrolled() {
    const { scrollTop, clientHeight } = this.#box;
    this.#staysAtEnd = Boolean(this.#options.startsAtEnd) && scrollTop + clientHeight >= this.#height - 2;
    this.#draw();
  }

  #resized() {
    if (this.#staysAtEnd) this.#box.scrollTop = this.#height;
    this.#draw();
  }

  #scrollTo(index) {
    const { height } = this.#options;
    const [top, bottom] = [index * height, (index + 1) * height];
    if (top < this.#box.scrollTop) this.#box.scrollTop = top;
    else if (bottom > this.#box.scrollTop + this.#box.clientHeight) this.#box.scrollTop = bottom - this.#box.clientHeight;
  }

  #pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const last = this.#items.length - 1;
    const page = Math.max(1, Math.floor(this.#box.clientHeight / this.#options.height) - 1);
    const index = this.#indexes.get(this.#active) ?? -1;
    const target = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + page,
      PageUp: index - page,
      Home: 0,
      End: last,
    }[event.key];
    if (target !== undefined && last >= 0) {
      event.preventDefault();
      this.#move(Math.min(Math.max(target, 0), last));
    } else if (event.key === "Enter" && index >= 0) {
      event.preventDefault();
      this.#options.onOpen(this.#items[index]);
    }
  }

  #clicked(event) {
    const row = event.target.closest("[role=option]");
    if (!row) return;
    this.#move(Number(row.ariaPosInSet) - 1);
    this.#options.onClick?.(this.active);
  }

  #move(index) {
    this.activate(this.#options.key(this.#items[index]));
    this.#options.onActive(this.#items[index]);
  }

  #draw() {
    const { height, key } = this.#options;
    const first = Math.max(0, Math.floor(this.#box.scrollTop / height) - ROWS_BEYOND_VIEW);
    const end = Math.ceil((this.#box.scrollTop + this.#box.clientHeight) / height) + ROWS_BEYOND_VIEW;
    const wanted = new Map(this.#items.slice(first, end).map((item, index) => [key(item), [item, first + index]]));
    for (const [drawnKey, { row }] of this.#drawn) {
      if (wanted.has(drawnKey)) continue;
      row.remove();
      this.#drawn.delete(drawnKey);
    }
    let above = null;
    for (const [itemKey, [item, index]] of wanted) above = this.#drawRow(itemKey, item, index, above);
    const active = this.#drawn.get(this.#active);
    if (active) this.#box.setAttribute("aria-activedescendant", active.row.id);
    else this.#box.removeAttribute("aria-activedescendant");
  }

  /** Draw a row below another one, also in the order of the page, which screen readers follow; return the row. */
  #drawRow(key, item, index, above) {
    let drawn = this.#drawn.get(key);
    if (!drawn) {
      drawn = { row: element("div", { class: "row", role: "option", id: `${this.#box.id}-${key}` }), item: null };
      this.#drawn.set(key, drawn);
    }
    if (drawn.row.parentNode !== this.#space || drawn.row.previousSibling !== above) {
      if (above) above.after(drawn.row);
      else this.#space.prepend(drawn.row);
    }
    if (drawn.item !== item) {
      drawn.row.replaceChildren(...this.#options.draw(item));
      drawn.item = item;
    }
    drawn.row.ariaPosInSet = String(index + 1);
    drawn.row.ariaSetSize = String(this.#items.length);
    drawn.row.ariaSelected = String(key === this.#active);
    drawn.row.style.transform = `translateY(${index * this.#options.height}px)`;
    return drawn.row;
  }

  /** Draw every row in view anew. */
  redraw() {
    for (const drawn of this.#drawn.values()) drawn.item = null;
    this.#draw();
  }
}
