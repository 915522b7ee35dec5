// How times, sizes and parties are written.

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** Write a time in Unix seconds as 14:03:59. */
export const clockTime = (seconds) => clock.format(seconds * 1000);

/** Write a time in Unix seconds as 14:03:59.123. */
export const exactTime = (seconds) => `${clockTime(seconds)}.${String(Math.floor((seconds % 1) * 1000)).padStart(3, "0")}`;

/** Write seconds as 7 s, 1:05 or 2:03:59. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Write the number of bytes as 12 kB. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Write a number with its noun: 1 call, 2 calls. */
export const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** Write a SIP URI without its scheme and its parameters. */
export const party = (uri) => (uri || "anonymous").replace(/^sips?:/i, "").replace(/;.*/s, "");

/** Return how many seconds a call has lasted: from the answer to its end, or until now; null before the answer. */
export function talkTime(call, now = Date.now() / 1000) {
  if (call.answered_at === null) return null;
  return (call.ended_at ?? now) - call.answered_at;
}
