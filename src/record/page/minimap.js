// The whole recording in one strip: how busy the thread was, where the findings are, and which part is in view.

class Minimap {
  constructor(canvas, painter, findings) {
    this.canvas = canvas;
    this.painter = painter;
    this.view = painter.view;
    this.findings = findings;
    this.picture = document.createElement("canvas");
  }

  fit() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    this.width = box.width;
    this.height = box.height;
    for (const canvas of [this.canvas, this.picture]) {
      canvas.width = Math.round(box.width * ratio);
      canvas.height = Math.round(box.height * ratio);
    }
    this.ratio = ratio;
    this.paint();
  }

  // The strip is drawn once for each size, because it does not depend on the view.
  paint() {
    const { colour, model, isLong } = this.painter;
    const { loop } = model;
    const context = this.picture.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.fillStyle = colour.band;
    context.fillRect(0, 0, this.width, this.height);
    const columns = Math.max(1, Math.round(this.width));
    const busy = new Float64Array(columns);
    const long = new Float64Array(columns);
    for (let i = 0; i < loop.starts.length; i++) {
      if (loop.kinds[i] !== SPAN.poll) continue;
      this.spread(busy, loop.starts[i], loop.ends[i]);
      if (isLong[loop.from[i]] === 1) this.spread(long, loop.starts[i], loop.ends[i]);
    }
    const room = this.height - 10;
    for (let x = 0; x < columns; x++) {
      if (busy[x] > 0) {
        const tall = Math.max(1.5, room * Math.min(1, busy[x]));
        context.fillStyle = colour.run;
        context.fillRect(x, this.height - tall, 1, tall);
      }
      if (long[x] > 0) {
        const tall = Math.max(1.5, room * Math.min(1, long[x]));
        context.fillStyle = colour.long;
        context.fillRect(x, this.height - tall, 1, tall);
        context.fillStyle = colour.ink;
        context.fillRect(x, this.height - tall - 2, 1, 2);
      }
    }
    context.fillStyle = colour.ink;
    for (const { at } of this.findings) context.fillRect(Math.round(this.x(at)) - 1, 0, 3, 4);
  }

  x(time) {
    const { low, high } = this.view;
    return ((time - low) / (high - low)) * this.width;
  }

  time(x) {
    const { low, high } = this.view;
    return low + (x / this.width) * (high - low);
  }

  // Adds to each column the part of the column that the span covers.
  spread(columns, start, end) {
    const from = (this.x(start) / this.width) * columns.length;
    const to = (this.x(end) / this.width) * columns.length;
    for (let x = Math.floor(from); x <= to && x < columns.length; x++) columns[x] += Math.max(0, Math.min(to, x + 1) - Math.max(from, x));
  }

  draw() {
    const { colour } = this.painter;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.picture, 0, 0);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const left = this.x(this.view.from);
    const width = Math.max(4, this.x(this.view.to) - left);
    context.globalAlpha = 0.6;
    context.fillStyle = colour.back;
    context.fillRect(0, 0, left, this.height);
    context.fillRect(left + width, 0, this.width, this.height);
    context.globalAlpha = 1;
    context.strokeStyle = colour.focus;
    context.lineWidth = 2;
    context.strokeRect(left + 1, 1, width - 2, this.height - 2);
  }
}
