// Scrolls the list of calls to its end. Returns how many calls were drawn on the way, how many places in view were empty, the
// longest time of a frame in milliseconds, and how many rows are in the page at the end.
const list = document.getElementById("call-list");
const box = list.getBoundingClientRect();
const seen = new Set();
let empty = 0;
let longest = 0;
let before = performance.now();
const look = () => {
  for (const y of [5, box.height / 2, box.height - 5]) {
    if (!document.elementFromPoint(box.left + 20, box.top + y)?.closest(".row")) empty += 1;
  }
  for (const phone of list.querySelectorAll(".call-phone")) seen.add(phone.textContent);
};
look();
while (list.scrollTop + list.clientHeight < list.scrollHeight - 1) {
  list.scrollTop += 1000; // less than the height of the rows that are drawn
  await new Promise(requestAnimationFrame); // after the event "scroll", with which the list draws
  const now = performance.now();
  longest = Math.max(longest, now - before);
  before = now;
  look();
}
return { seen: seen.size, empty, longest, drawn: list.querySelectorAll(".row").length };
