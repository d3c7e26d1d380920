// The words for times and counts.

// Three digits and a unit: "820 ns", "12.3 µs", "80 ms", "1.25 s".
function span(ns) {
  const sign = ns < 0 ? "-" : "";
  let value = Math.abs(ns);
  if (value >= 60e9) {
    const seconds = Math.round(value / 1e9);
    return `${sign}${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }
  for (const unit of ["ns", "µs", "ms"]) {
    if (value < 999.5) return `${sign}${digits(value)} ${unit}`;
    value /= 1000;
  }
  return `${sign}${digits(value)} s`;
}

function digits(value) {
  const places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return String(Number(value.toFixed(places)));
}

// A moment, with as many digits as the distance between two ticks needs.
function moment(ns, step) {
  const units = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];
  const [unit, size] = units.find(([, size]) => Math.abs(ns) >= size) ?? units[3];
  const places = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step / size) - 1e-9)));
  return `${(ns / size).toFixed(places)} ${unit}`;
}

function number(value) {
  return value.toLocaleString("en");
}

function counted(count, one, many = one + "s") {
  return `${number(count)} ${count === 1 ? one : many}`;
}

function percent(part, whole) {
  return whole > 0 ? `${Math.round((100 * part) / whole)} %` : "0 %";
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
