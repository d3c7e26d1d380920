// The canvas. Only the view is drawn. Spans that are narrower than a column of pixels are drawn as one bar, whose height says how much of
// the column they cover.

// A timer that is later than this, 1 ms, has the colour of a long poll.
const LATE = 1e6;
// The width of a column, in pixels.
const COLUMN = 2;

// Gathers rectangles by colour, so that each colour is set once.
class Brush {
  constructor(context) {
    this.context = context;
    this.heaps = new Map();
  }

  rect(style, x, y, width, height) {
    let heap = this.heaps.get(style);
    if (heap === undefined) this.heaps.set(style, (heap = []));
    const last = heap.length - 4;
    // Neighbours of the same height become one rectangle.
    if (last >= 0 && heap[last + 1] === y && heap[last + 3] === height && heap[last] + heap[last + 2] === x) heap[last + 2] += width;
    else heap.push(x, y, width, height);
  }

  flush(...styles) {
    for (const style of styles) {
      const heap = this.heaps.get(style);
      if (heap === undefined) continue;
      this.context.fillStyle = style;
      for (let i = 0; i < heap.length; i += 4) this.context.fillRect(heap[i], heap[i + 1], heap[i + 2], heap[i + 3]);
      heap.length = 0;
    }
  }
}

class Painter {
  constructor(canvas, view, teller, longPolls) {
    this.canvas = canvas;
    this.view = view;
    this.teller = teller;
    this.model = view.model;
    // Says for each event whether a long poll begins with it.
    this.isLong = new Uint8Array(this.model.events.count);
    for (const event of longPolls) this.isLong[event] = 1;
    this.context = canvas.getContext("2d");
    this.style = "";
    this.widthsOf = new Map();
    this.readColours();
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["back", "band", "ink", "quiet", "line", "run", "ink-run", "ready", "ink-ready", "wait", "long", "look", "sleep", "job",
      "arrow", "focus"];
    this.colour = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.hatch = {
      ready: this.pattern(this.colour.ready, this.colour["ink-ready"]),
      due: this.pattern(this.colour.back, this.colour["ink-ready"]),
      sleep: this.pattern(this.colour.sleep, this.colour.line),
    };
    this.brush = new Brush(this.context);
    this.look = this.shapes();
    this.covered = this.look.map(() => 0);
    this.font = getComputedStyle(document.body).fontFamily;
  }

  // Oblique lines, which differ from a solid bar without colours too.
  pattern(back, line) {
    const size = 6;
    const tile = document.createElement("canvas");
    tile.width = tile.height = size;
    const context = tile.getContext("2d");
    context.fillStyle = back;
    context.fillRect(0, 0, size, size);
    context.strokeStyle = line;
    context.lineWidth = 1;
    context.beginPath();
    for (const shift of [-size, 0, size]) {
      context.moveTo(shift - 1, size + 1);
      context.lineTo(shift + size + 1, -1);
    }
    context.stroke();
    return this.context.createPattern(tile, "repeat");
  }

  fit() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    this.ratio = ratio;
    this.view.resize(box.width, box.height);
  }

  draw() {
    const { context, view, colour } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.style = "";
    context.fillStyle = colour.back;
    context.fillRect(0, 0, view.width, view.height);
    const step = this.axis();
    context.save();
    context.beginPath();
    context.rect(0, view.top, view.width, view.height - view.top);
    context.clip();
    this.lanes();
    context.restore();
    this.style = "";
    this.loopLane();
    this.chosenArrows();
    this.cursor(step);
  }

  // The rows that are in view, from top to bottom.
  visible() {
    const { view } = this;
    const first = view.rowAt(view.top);
    if (first === null) return [];
    const rows = [];
    for (let i = view.rows.indexOf(first, Math.floor(view.scroll / 40)); i < view.rows.length; i++) {
      const row = view.rows[i];
      const y = view.top + row.y - view.scroll;
      if (y > view.height) break;
      rows.push({ row, y });
    }
    return rows;
  }

  lanes() {
    const { view, context, colour } = this;
    const rows = this.visible();
    this.texts = [];
    for (const { row, y } of rows) this.backdrop(row, y);
    this.arrows();
    context.save();
    context.beginPath();
    context.rect(view.labels, view.top, view.width - view.labels, view.height);
    context.clip();
    for (const { row, y } of rows) if (row.lane) this.spans(row.lane, y, row.height);
    this.brush.flush(colour.wait, this.hatch.due, this.hatch.ready, colour["ink-ready"], colour.ready, colour.run, colour.long, colour.job, colour.ink);
    for (const { row, y } of rows) if (row.lane) this.marks(row.lane, y, row.height);
    this.brush.flush(colour.quiet, colour.long);
    this.writeTexts();
    context.restore();
    this.style = "";
    for (const { row, y } of rows) this.label(row, y);
  }

  backdrop(row, y) {
    const { context, view, colour } = this;
    if (row.heading !== null) return;
    const { hover, selected } = view;
    const isChosen = selected?.lane === row.lane;
    if (isChosen || hover?.lane === row.lane) {
      context.fillStyle = colour.band;
      context.fillRect(0, y, view.width, row.height);
    }
    context.fillStyle = colour.line;
    context.fillRect(0, y + row.height - 1, view.width, 1);
  }

  label(row, y) {
    const { context, view, colour } = this;
    context.textBaseline = "middle";
    const middle = y + row.height / 2;
    if (row.heading !== null) {
      this.write(11, 600);
      context.fillStyle = colour.quiet;
      context.fillText(`${row.closed ? "▸" : "▾"} ${row.heading} (${row.count})`, 8, middle + 1);
      return;
    }
    const [small, name] = this.names(row.lane);
    this.write(12);
    context.fillStyle = colour.quiet;
    let from = 20;
    if (small) {
      // Numbers are aligned at their last digit.
      const digits = this.measure("0".repeat(String(this.model.most).length));
      context.fillText(small, 10 + digits - this.measure(small), middle);
      from = 10 + digits + 7;
    }
    this.write(12, view.selected?.lane === row.lane ? 600 : 400);
    context.fillStyle = colour.ink;
    context.fillText(this.fitted(name, view.labels - from - 8), from, middle);
  }

  names(lane) {
    switch (lane.kind) {
      case "task": {
        const info = this.model.info.get(lane.number);
        return [String(lane.number), info?.name ?? info?.line?.replace(/^.*\//, "") ?? "task"];
      }
      case "socket": return ["", `socket ${lane.number}`];
      case "sockets": return ["", `${number(lane.number)} sockets`];
      case "thread": return ["", `pool thread ${lane.number}`];
      default: return ["", lane.kind === "others" ? "other threads" : lane.kind];
    }
  }

  shortName(number) {
    return this.model.info.get(number)?.name ?? `task ${number}`;
  }

  // It takes long to set a font and to measure a text. So neither is done twice for the same text.
  write(size, weight = 400) {
    const style = `${weight} ${size}px `;
    if (style === this.style) return;
    this.style = style;
    this.context.font = style + this.font;
    this.widths = this.widthsOf.get(style);
    if (this.widths === undefined || this.widths.size > 5000) this.widthsOf.set(style, (this.widths = new Map()));
  }

  measure(text) {
    let width = this.widths.get(text);
    if (width === undefined) this.widths.set(text, (width = this.context.measureText(text).width));
    return width;
  }

  fitted(text, room) {
    if (this.measure(text) <= room) return text;
    let low = 0;
    let high = text.length;
    // Names often differ at their ends, so the middle is left out.
    const cut = (kept) => text.slice(0, Math.ceil(kept / 2)) + "…" + text.slice(text.length - Math.floor(kept / 2));
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.measure(cut(middle)) <= room) low = middle;
      else high = middle - 1;
    }
    return low === 0 ? "" : cut(low);
  }

  // The look of each kind of span: a poll is tall and solid, a ready task is lower and hatched, a wait is a line.
  shapes() {
    const { colour, hatch } = this;
    const shapes = [];
    shapes[SPAN.sleep] = { fill: hatch.sleep, thin: colour.sleep, part: 0.5 };
    shapes[SPAN.look] = { fill: colour.look, thin: colour.look, part: 0.5 };
    shapes[SPAN.poll] = shapes[SPAN.run] = { fill: colour.run, thin: colour.run, part: 0.72 };
    shapes[SPAN.ready] = { fill: hatch.ready, thin: colour.ready, part: 0.44 };
    shapes[SPAN.wait] = { fill: colour.wait, thin: colour.wait, part: 0 };
    shapes[SPAN.job] = { fill: colour.job, thin: colour.job, part: 0.6 };
    shapes[SPAN.due] = { fill: hatch.due, thin: colour["ink-ready"], part: 0.3 };
    shapes[SPAN.late] = { fill: colour["ink-ready"], thin: colour["ink-ready"], part: 0.3 };
    return shapes;
  }

  spans(lane, y, height) {
    const { view } = this;
    const { starts, ends, kinds, from: begins } = lane;
    const { from, to, scale, labels } = view;
    // The part of the present column of pixels that each kind covers.
    const column = { at: NONE, covered: this.covered, long: false };
    const thread = lane.kind === "task" ? this.thread(y + height / 2) : null;
    for (let i = lane.firstAt(from); i < starts.length && starts[i] <= to; i++) {
      const left = labels + (starts[i] - from) * scale;
      const right = labels + (ends[i] - from) * scale;
      const kind = kinds[i];
      thread?.add(left, right);
      const isLong = kind === SPAN.late ? ends[i] - starts[i] >= LATE : kind <= SPAN.run && this.isLong[begins[i]] === 1;
      if (right - left >= 1.5) {
        if (column.at !== NONE) this.column(column, y, height);
        column.at = NONE;
        this.wide(lane, i, left, right, y, height, isLong);
      } else {
        const at = COLUMN * Math.floor(left / COLUMN);
        if (at !== column.at) {
          if (column.at !== NONE) this.column(column, y, height);
          column.at = at;
        }
        column.covered[kind] += Math.max(right - left, 0.02) / COLUMN;
        column.long ||= isLong;
      }
    }
    if (column.at !== NONE) this.column(column, y, height);
    thread?.end();
  }

  // The thin line from the spawn of a task to its end. The bars are drawn over it.
  thread(middle) {
    const { brush, colour, view } = this;
    let [from, to] = [NONE, NONE];
    const end = () => {
      const right = Math.min(to, view.width);
      if (right > from) brush.rect(colour.wait, from, Math.round(middle) - 1, right - from, 2);
    };
    const add = (left, right) => {
      if (left > to + 0.5) {
        end();
        from = Math.max(left, view.labels - 4);
      }
      to = right;
    };
    return { add, end };
  }

  column(column, y, height) {
    const { covered } = column;
    for (let kind = 0; kind < covered.length; kind++) {
      if (covered[kind] === 0) continue;
      const part = Math.min(1, covered[kind]);
      covered[kind] = 0;
      if (kind === SPAN.wait) continue;
      const shape = this.look[kind];
      const tall = 2 * Math.round((height * shape.part * (0.45 + 0.55 * part)) / 2);
      const style = column.long && (kind <= SPAN.run || kind === SPAN.late) && kind !== SPAN.look ? this.colour.long : shape.thin;
      this.brush.rect(style, column.at, y + (height - tall) / 2, COLUMN, tall);
    }
    column.long = false;
  }

  wide(lane, i, from, to, y, height, isLong) {
    const { view } = this;
    const kind = lane.kinds[i];
    const { fill, part } = this.look[kind];
    const left = Math.max(from, view.labels - 4);
    const right = Math.min(to, view.width + 4);
    const tall = Math.max(2, Math.round(height * part));
    const top = Math.round(y + (height - tall) / 2);
    const gap = to - from > 4 ? 0.5 : 0;
    if (kind !== SPAN.wait) this.brush.rect(isLong ? this.colour.long : fill, left, top, right - left - gap, tall);
    // Without colours, a long poll is known by its dark upper edge.
    if (isLong && kind !== SPAN.late) this.brush.rect(this.colour.ink, left, top - 2, right - left - gap, 2);
    if (right - left > 30) this.text(lane, i, left, right, top, tall, y, height);
  }

  text(lane, i, left, right, top, tall, y, height) {
    const from = Math.max(left, this.view.labels) + 5;
    const room = Math.min(right, this.view.width) - from - 4;
    if (room < 26) return;
    const { colour, teller } = this;
    const kind = lane.kinds[i];
    const length = span(lane.ends[i] - lane.starts[i]);
    const middle = top + tall / 2;
    // The first of these texts that fits is written.
    const put = (texts, ink, where, size = 11, halo = null) => this.texts.push({ texts, ink, x: from, y: where, room, size, halo });
    switch (kind) {
      case SPAN.poll: {
        const name = this.shortName(teller.polled(i));
        put([`${name} · ${length}`, name, length], colour["ink-run"], middle, 12);
        break;
      }
      case SPAN.run: put([length], colour["ink-run"], middle); break;
      case SPAN.ready: put([`ready ${length}`, length], colour.ink, middle, 11, colour.ready); break;
      case SPAN.due: put([`due for ${length}`, length], colour.ink, middle, 10, colour.back); break;
      case SPAN.sleep: put([`sleeps ${length}`, length], colour.quiet, middle, 11, colour.sleep); break;
      case SPAN.look: put(["looks"], colour["ink-run"], middle); break;
      case SPAN.job: {
        const job = `job ${this.model.events.a[lane.from[i]]}`;
        put([`${job} · ${length}`, job], colour["ink-run"], middle);
        break;
      }
      case SPAN.wait: {
        const goal = teller.waitsFor(lane, i);
        put([`waits for ${goal}`, goal], colour.quiet, y + height / 2 - 7, 10);
        break;
      }
      default: break;
    }
  }

  writeTexts() {
    const { context } = this;
    context.textBaseline = "middle";
    for (const { texts, ink, x, y, room, size, halo } of this.texts) {
      this.write(size);
      const fitted = texts.find((text) => this.measure(text) <= room) ?? (room > 44 && size === 12 ? this.fitted(texts[0], room) : "");
      if (fitted === "") continue;
      if (halo !== null) {
        context.fillStyle = halo;
        context.fillRect(x - 3, y - 6.5, this.measure(fitted) + 6, 13);
      }
      context.fillStyle = ink;
      context.fillText(fitted, x, y + 0.5);
    }
    this.texts = [];
  }

  loopLane() {
    const { context, view, colour } = this;
    const { loop } = this.model;
    context.fillStyle = colour.back;
    context.fillRect(0, AXIS, view.width, view.loopHeight + 4);
    context.fillStyle = colour.band;
    context.fillRect(0, AXIS, view.width, view.loopHeight);
    this.texts = [];
    context.save();
    context.beginPath();
    context.rect(view.labels, AXIS, view.width - view.labels, view.loopHeight);
    context.clip();
    this.spans(loop, AXIS, view.loopHeight);
    this.brush.flush(this.hatch.sleep, colour.sleep, colour.look, colour.run, colour.long, colour.ink);
    this.marks(loop, AXIS, view.loopHeight);
    this.writeTexts();
    context.restore();
    this.style = "";
    context.textBaseline = "middle";
    context.fillStyle = colour.ink;
    this.write(13, 600);
    context.fillText("The thread", 8, AXIS + view.loopHeight / 2 - (view.width < 560 ? 0 : 7));
    if (view.width >= 560) {
      this.write(11);
      context.fillStyle = colour.quiet;
      context.fillText("one task at a time", 8, AXIS + view.loopHeight / 2 + 9);
    }
    context.fillStyle = colour.quiet;
    context.fillRect(0, AXIS + view.loopHeight + 2, view.width, 1);
  }
}
