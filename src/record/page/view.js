// The view: a stretch of time, and the rows of the lanes.

const LABELS = { wide: 168, narrow: 96 };
const AXIS = 22;

class View {
  constructor(model) {
    this.model = model;
    this.width = 0;
    this.height = 0;
    this.scroll = 0;
    this.closed = new Set();
    // The tasks that are shown, or null if all are.
    this.only = null;
    const pad = (model.end - model.begin) * 0.01;
    this.low = model.begin - pad;
    this.high = model.end + pad;
    this.from = this.low;
    this.to = this.high;
    this.hover = null;
    this.selected = null;
    this.rows = [];
    this.total = 0;
    this.gliding = null;
  }

  resize(width, height) {
    // In a narrow window this group begins closed, so the tasks come first.
    if (this.width === 0 && width < 560) this.closed.add("Events from outside");
    this.width = width;
    this.height = height;
    this.labels = width < 560 ? LABELS.narrow : LABELS.wide;
    this.layOut();
  }

  // Places the rows below the lane of the loop. That lane does not scroll.
  layOut() {
    const { outside, tasks } = this.model.lanes();
    const roomy = this.height - 120 > (outside.length + tasks.length) * 38;
    this.loopHeight = this.width < 560 ? 40 : 48;
    this.top = AXIS + this.loopHeight + 4;
    this.rows = [];
    let y = 0;
    const put = (row, height) => {
      row.y = y;
      row.height = height;
      if (row.lane) row.lane.row = this.rows.length;
      this.rows.push(row);
      y += height;
    };
    const group = (name, all, height, only = null) => {
      if (all.length === 0) return;
      const lanes = only === null ? all : all.filter((lane) => only.has(lane));
      const closed = this.closed.has(name);
      const heading = this.rows.length;
      const count = only === null ? number(all.length) : `${number(lanes.length)} of ${number(all.length)}`;
      put({ heading: name, count, closed, lane: null }, 22);
      // The arrows of a lane that is not shown begin and end at the heading.
      for (const lane of all) lane.row = heading;
      if (!closed) for (const lane of lanes) put({ heading: null, lane }, height);
    };
    group("Events from outside", outside, roomy ? 28 : 20);
    group("Tasks", tasks, roomy ? 38 : 28, this.only);
    this.total = y;
    this.scrollTo(this.scroll);
  }

  // Hides the tasks that only wait in this view, or shows all tasks again.
  toggleActive() {
    const isActive = (lane) => {
      for (let i = lane.firstAt(this.from); i < lane.starts.length && lane.starts[i] <= this.to; i++) {
        if (lane.kinds[i] !== SPAN.wait) return true;
      }
      return false;
    };
    this.only = this.only === null ? new Set(this.model.lanes().tasks.filter(isActive)) : null;
    this.layOut();
  }

  scrollTo(y) {
    this.scroll = Math.max(0, Math.min(y, this.total + 8 - (this.height - this.top)));
  }

  // The width of the part beside the labels.
  get plot() {
    return Math.max(1, this.width - this.labels - 8);
  }

  // Pixels per nanosecond.
  get scale() {
    return this.plot / (this.to - this.from);
  }

  x(time) {
    return this.labels + (time - this.from) * this.scale;
  }

  time(x) {
    return this.from + (x - this.labels) / this.scale;
  }

  // Shows this stretch of time: 200 ns or more, and no more than the whole recording.
  show(from, to) {
    const whole = this.high - this.low;
    const length = Math.min(whole, Math.max(200, to - from));
    const middle = (from + to) / 2;
    const start = Math.max(this.low, Math.min(middle - length / 2, this.high - length));
    this.from = start;
    this.to = start + length;
  }

  pan(pixels) {
    const shift = pixels / this.scale;
    const length = this.to - this.from;
    const from = Math.max(this.low, Math.min(this.from + shift, this.high - length));
    this.from = from;
    this.to = from + length;
  }

  // Zooms so that the time at `x` stays at `x`.
  zoom(factor, x) {
    const time = Math.max(this.from, Math.min(this.time(x), this.to));
    const length = Math.min(this.high - this.low, Math.max(200, (this.to - this.from) * factor));
    const part = (time - this.from) / (this.to - this.from);
    const from = Math.max(this.low, Math.min(time - part * length, this.high - length));
    this.from = from;
    this.to = from + length;
  }

  rowAt(y) {
    const inside = y - this.top + this.scroll;
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].y + this.rows[middle].height <= inside) low = middle + 1;
      else high = middle;
    }
    return this.rows[low] ?? null;
  }

  laneAt(y) {
    if (y < AXIS) return null;
    if (y < this.top) return this.model.loop;
    return this.rowAt(y)?.lane ?? null;
  }

  // The top and the height of a lane. Outside of the view, they lie beyond the edge.
  place(lane) {
    if (lane === this.model.loop) return { y: AXIS, height: this.loopHeight };
    const row = this.rows[lane.within.row];
    if (row === undefined) return null;
    return { y: this.top + row.y - this.scroll, height: row.height };
  }

  reveal(lane) {
    if (lane === this.model.loop) return;
    if (this.rows[lane.row].lane !== lane) {
      this.closed.delete(lane.kind === "task" ? "Tasks" : "Events from outside");
      if (lane.kind === "task") this.only?.add(lane);
      this.layOut();
    }
    const row = this.rows[lane.row];
    const room = this.height - this.top;
    if (row.y < this.scroll) this.scrollTo(row.y - room / 3);
    else if (row.y + row.height > this.scroll + room) this.scrollTo(row.y + row.height - (2 * room) / 3);
  }

  // The lanes in the order of the rows, with the loop first.
  order() {
    return [this.model.loop, ...this.rows.filter((row) => row.lane).map((row) => row.lane)];
  }
}
