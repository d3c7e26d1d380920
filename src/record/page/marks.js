// The events that take no time: spawns, ends, fired timers, sockets that become ready.

Object.assign(Painter.prototype, {
  marks(lane, y, height) {
    const { view, context } = this;
    const { at } = this.model.events;
    const { marks } = lane;
    const isTask = lane.kind === "task";
    const { from, to, scale, labels } = view;
    let last = -10;
    for (let i = firstMark(marks, at, from); i < marks.length && at[marks[i]] <= to; i++) {
      const x = labels + (at[marks[i]] - from) * scale;
      const isCrowded = x - last < 8;
      if (x - last < 3 && !this.isGreat(marks[i])) continue;
      last = x;
      if (isCrowded && !isTask) {
        this.tick(marks[i], x, y, height);
        continue;
      }
      context.save();
      context.translate(x, y + height / 2);
      this.mark(marks[i], height);
      context.restore();
    }
  },

  // Such an event is drawn even where the marks are crowded.
  isGreat(event) {
    const { code } = this.model.events;
    return code[event] === CODE.finish || code[event] === CODE.abort;
  },

  // A small mark, where there is no room for one with a shape.
  tick(event, x, y, height) {
    const { code, a } = this.model.events;
    const isLate = code[event] === CODE.fire && a[event] >= LATE;
    this.brush.rect(isLate ? this.colour.long : this.colour.quiet, x - 0.5, y + height * 0.25, 1.5, height * 0.5);
  },

  mark(event, height) {
    const { context, colour } = this;
    const { code, a, b } = this.model.events;
    const tall = height * 0.36;
    context.fillStyle = context.strokeStyle = colour.ink;
    context.lineWidth = 1.5;
    context.beginPath();
    switch (code[event]) {
      case CODE.spawn:
        context.arc(0, 0, 3.5, 0, 7);
        context.fillStyle = colour.back;
        context.fill();
        context.stroke();
        break;
      case CODE.finish: this.endMark(b[event]); break;
      case CODE.abort: this.triangle(0, -4, 4, colour.long); break;
      case CODE.ready:
        if (b[event] & 1) this.triangle(0, 2, 5, colour.ink);
        if (b[event] & 2) this.triangle(0, -2, -5, colour.ink);
        break;
      case CODE.fire:
        context.rotate(Math.PI / 4);
        context.fillStyle = a[event] >= LATE ? colour.long : colour.ink;
        context.fillRect(-3.2, -3.2, 6.4, 6.4);
        break;
      default:
        if (code[event] === CODE.slow) context.fillStyle = colour.long;
        else context.fillStyle = code[event] === CODE.disarm ? colour.line : colour.quiet;
        context.fillRect(-0.5, code[event] === CODE.arm ? 0 : -tall, 1, code[event] === CODE.mail ? 2 * tall : tall);
    }
  },

  triangle(x, y, size, fill) {
    const { context } = this;
    context.beginPath();
    context.moveTo(x - size * 0.8, y - size * 0.6);
    context.lineTo(x + size * 0.8, y - size * 0.6);
    context.lineTo(x, y + size * 0.7);
    context.closePath();
    context.fillStyle = fill;
    context.fill();
  },

  // A square for a value, a hollow square for an error, a cross for a panic, a ring with a bar for a cancelled task.
  endMark(end) {
    const { context, colour } = this;
    if (end === 0) {
      context.fillRect(-3.5, -3.5, 7, 7);
      return;
    }
    context.lineWidth = 2;
    if (end === 1) {
      context.strokeStyle = colour.long;
      context.rect(-3.5, -3.5, 7, 7);
      context.fillStyle = colour.back;
      context.fill();
    } else if (end === 2) {
      context.strokeStyle = colour.long;
      context.moveTo(-4.5, -4.5);
      context.lineTo(4.5, 4.5);
      context.moveTo(-4.5, 4.5);
      context.lineTo(4.5, -4.5);
    } else {
      context.arc(0, 0, 4, 0, 7);
      context.fillStyle = colour.back;
      context.fill();
      context.moveTo(-2.8, 2.8);
      context.lineTo(2.8, -2.8);
    }
    context.stroke();
  },
});

function firstMark(marks, at, time) {
  let low = 0;
  let high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[marks[middle]] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
