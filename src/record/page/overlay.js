// Drawn over the lanes: the axis, the arrows from a wake to its poll, the cursor and the selection.

const MOST_ARROWS = 600;

Object.assign(Painter.prototype, {
  axis() {
    const { context, view, colour } = this;
    const wanted = (view.to - view.from) / Math.max(2, view.plot / 110);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].find((factor) => factor * power >= wanted) * power;
    this.write(11);
    context.textBaseline = "middle";
    const cursor = view.hover ? view.x(view.hover.time) : -1000;
    for (let tick = Math.ceil(view.time(view.labels) / step) * step; tick <= view.to; tick += step) {
      const x = Math.round(view.x(tick));
      context.fillStyle = colour.line;
      context.fillRect(x, AXIS - 5, 1, view.height);
      const text = tick === 0 ? "0" : moment(tick, step);
      const width = this.measure(text);
      if (x + 4 + width > view.width || (x + width > cursor - 40 && x < cursor + 40)) continue;
      context.fillStyle = colour.quiet;
      context.fillText(text, x + 4, AXIS / 2);
    }
    return step;
  },

  arrows() {
    const { context, view, colour } = this;
    context.save();
    context.beginPath();
    context.rect(view.labels, AXIS + view.loopHeight, view.width - view.labels, view.height);
    context.clip();
    const inView = this.arrowsInView();
    if (inView.length <= MOST_ARROWS) {
      context.globalAlpha = 0.7 - (0.5 * inView.length) / MOST_ARROWS;
      this.strokeArrows(inView, colour.arrow, 1);
    }
    context.restore();
  },

  chosenArrows() {
    const { context, view, colour } = this;
    context.save();
    context.beginPath();
    context.rect(view.labels, AXIS + view.loopHeight, view.width - view.labels, view.height);
    context.clip();
    this.strokeArrows(this.related(view.selected), colour.focus, 2);
    this.strokeArrows(this.related(view.hover), colour.ink, 1.6);
    context.restore();
  },

  arrowsInView() {
    const { view, model } = this;
    const { at } = model.events;
    const found = [];
    // If many arrows lie side by side between the same two lanes, only some are drawn.
    const last = new Map();
    for (const arrow of model.arrows) {
      if (at[arrow.wake] > view.to) break;
      if (arrow.poll === NONE || at[arrow.poll] < view.from) continue;
      const [from, to] = [view.place(arrow.from), view.place(arrow.to)];
      if (from === null || to === null || arrow.from === arrow.to) continue;
      if (Math.max(from.y, to.y) < view.top || Math.min(from.y, to.y) > view.height) continue;
      const x = view.x(at[arrow.wake]);
      const pair = this.edge(from, arrow.from) * 1e6 + this.edge(to, arrow.to);
      if (x - (last.get(pair) ?? -100) < 5) continue;
      last.set(pair, x);
      found.push(arrow);
      if (found.length > MOST_ARROWS) break;
    }
    return found;
  },

  // All lanes below the view count as one lane, and so do all lanes above it.
  edge(place, lane) {
    if (place.y > this.view.height) return -2;
    return place.y + place.height < this.view.top && lane !== this.model.loop ? -3 : lane.within.row;
  },

  // The arrow that leads to a span, and the arrows that leave from it.
  related(spot) {
    if (!spot || spot.span === NONE) return [];
    const { arrowOf, events } = this.model;
    const { lane, span: i } = spot;
    const arrows = [];
    const own = arrowOf.get(lane.from[i]);
    if (own) arrows.push(own);
    if (lane.kinds[i] !== SPAN.run && lane.kinds[i] !== SPAN.poll) return arrows;
    const end = lane.to[i] === NONE ? events.count : lane.to[i];
    for (let event = lane.from[i] + 1; lane.from[i] !== NONE && event < end && arrows.length < 60; event++) {
      const arrow = arrowOf.get(event);
      if (arrow && arrow.wake === event) arrows.push(arrow);
    }
    return arrows;
  },

  strokeArrows(arrows, style, width) {
    if (arrows.length === 0) return;
    const { context, view } = this;
    const { at } = this.model.events;
    context.strokeStyle = context.fillStyle = style;
    context.lineWidth = width;
    context.beginPath();
    const heads = [];
    for (const arrow of arrows) {
      const [from, to] = [view.place(arrow.from), view.place(arrow.to)];
      if (from === null || to === null || arrow.from === arrow.to) continue;
      const down = to.y >= from.y ? 1 : -1;
      const x = view.x(at[arrow.wake]);
      const end = arrow.poll === NONE ? x : view.x(at[arrow.poll]);
      const y = arrow.from === this.model.loop ? AXIS + view.loopHeight : from.y + from.height / 2 + down * from.height * 0.2;
      const goal = to.y + to.height / 2 - down * to.height * 0.36;
      const bend = Math.min(40, Math.max(8, Math.abs(goal - y) * 0.5));
      context.moveTo(x, y);
      context.bezierCurveTo(x, y + down * bend, end, goal - down * bend, end, goal);
      heads.push(end, goal, down);
    }
    context.stroke();
    context.beginPath();
    for (let i = 0; i < heads.length; i += 3) {
      const [x, y, down] = [heads[i], heads[i + 1], heads[i + 2]];
      const size = 3 + width;
      context.moveTo(x, y + down);
      context.lineTo(x - size * 0.7, y - down * size);
      context.lineTo(x + size * 0.7, y - down * size);
      context.closePath();
    }
    context.fill();
  },

  // Draws the line at the cursor with its time on the axis, the step that holds the thread at that time, and the selection.
  cursor(step) {
    const { context, view, colour } = this;
    this.outline(view.selected, colour.focus, 2);
    const { hover, range } = view;
    if (range) {
      context.globalAlpha = 0.2;
      context.fillStyle = colour.focus;
      context.fillRect(range[0], AXIS, range[1] - range[0], view.height);
      context.globalAlpha = 1;
    }
    if (!hover || hover.time < view.from || hover.time > view.to) return;
    this.outline(hover, colour.ink, 1.5);
    if (hover.span !== NONE && hover.lane.kinds[hover.span] === SPAN.ready) this.outlineHolder(hover.time);
    const x = Math.round(view.x(hover.time));
    if (x < view.labels) return;
    context.fillStyle = colour.ink;
    context.globalAlpha = 0.55;
    context.fillRect(x, AXIS - 4, 1, view.height);
    context.globalAlpha = 1;
    this.style = "";
    this.write(11, 600);
    const text = moment(hover.time, step / 100);
    const width = this.measure(text) + 10;
    const left = Math.min(x - width / 2, view.width - width);
    context.fillStyle = colour.ink;
    context.fillRect(left, 1, width, AXIS - 5);
    context.fillStyle = colour.back;
    context.textBaseline = "middle";
    context.fillText(text, left + 5, AXIS / 2 - 1);
  },

  outlineHolder(time) {
    const { loop } = this.model;
    const i = loop.spanAt(time);
    if (i !== NONE) this.outline({ lane: loop, span: i }, this.colour.ink, 2);
  },

  outline(spot, style, width) {
    if (!spot || spot.span === NONE || spot.span === undefined) return;
    const { context, view } = this;
    const { lane, span: i } = spot;
    const place = view.place(lane);
    if (place === null || (lane !== this.model.loop && view.rows[lane.row]?.lane !== lane) || place.y + place.height < view.top - view.loopHeight - 4) return;
    const left = Math.max(view.labels - 5, view.x(lane.starts[i]));
    const right = Math.min(view.width + 5, view.x(lane.ends[i]));
    if (right < view.labels || left > view.width) return;
    const tall = place.height * 0.84;
    context.save();
    context.beginPath();
    context.rect(view.labels - 2, lane === this.model.loop ? AXIS : view.top, view.width, view.height);
    context.clip();
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(left - 1, place.y + (place.height - tall) / 2, Math.max(2, right - left) + 2, tall);
    context.restore();
  },
});
