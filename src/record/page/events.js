// Reads the numbers of the embedded recording.

const CODES = [
  "park", "unpark", "look", "look ends", "spawn", "wake", "poll", "waits", "finish", "abort", "arm", "fire", "disarm", "ready",
  "submit", "job begins", "job ends", "mail", "budget spent", "awaits", "slow",
];
const CODE = Object.fromEntries(CODES.map((name, code) => [name.replace(" ", "_"), code]));
// For each code, the count of numbers that follow it.
const ARGUMENTS = [1, 0, 0, 0, 2, 3, 1, 1, 2, 1, 1, 1, 0, 2, 1, 2, 1, 0, 1, 2, 1];
const CAUSES = ["task", "timer", "source", "thread", "job", "outside"];
const CAUSE = Object.fromEntries(CAUSES.map((name, code) => [name, code]));
const ENDS = ["with a value", "with an error", "by a panic", "cancelled"];

// The events as columns: five arrays, however many events there are. Times are in nanoseconds.
function decode(data) {
  const numbers = data.events;
  const count = data.count;
  const events = {
    count,
    at: new Float64Array(count),
    code: new Uint8Array(count),
    a: new Float64Array(count),
    b: new Float64Array(count),
    c: new Float64Array(count),
  };
  let place = 0;
  let at = 0;
  for (let i = 0; i < count; i++) {
    at += numbers[place++];
    const code = numbers[place++];
    events.at[i] = at;
    events.code[i] = code;
    const wanted = ARGUMENTS[code];
    if (wanted > 0) events.a[i] = numbers[place];
    if (wanted > 1) events.b[i] = numbers[place + 1];
    if (wanted > 2) events.c[i] = numbers[place + 2];
    place += wanted;
  }
  return events;
}
