// The pointer, the wheel and the keys.

class Input {
  constructor(page) {
    this.page = page;
    this.view = page.view;
    this.pointers = new Map();
    this.drag = null;
    const { canvas } = page;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("dblclick", (event) => this.twice(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    document.addEventListener("keydown", (event) => this.key(event));
    this.minimap(page.minimap.canvas);
  }

  spot(event) {
    const box = this.page.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  down(event) {
    const { x, y } = this.spot(event);
    this.page.canvas.focus({ preventScroll: true });
    this.page.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x, y });
    this.drag = { x, y, far: false, range: event.shiftKey && x > this.view.labels };
    this.view.gliding = null;
  }

  move(event) {
    const { x, y } = this.spot(event);
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      this.page.point(x, y, event.pointerType);
      return;
    }
    if (this.pointers.size === 2) this.pinch(event.pointerId, x, y);
    else this.dragTo(before, x, y);
    this.pointers.set(event.pointerId, { x, y });
    this.page.dirty();
  }

  dragTo(before, x, y) {
    const { drag, view } = this;
    drag.far ||= Math.hypot(x - drag.x, y - drag.y) > 4;
    if (!drag.far) return;
    if (drag.range) {
      view.range = [Math.min(drag.x, x), Math.max(drag.x, x)];
      return;
    }
    view.pan(before.x - x);
    view.scrollTo(view.scroll + before.y - y);
  }

  pinch(id, x, y) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, spot]) => spot);
    const before = this.pointers.get(id);
    const apart = (one, two) => Math.max(10, Math.abs(one.x - two.x));
    this.drag.far = true;
    this.view.zoom(apart(before, other) / apart({ x, y }, other), (x + other.x) / 2);
    this.view.pan((before.x - x) / 2);
  }

  up(event) {
    const { x, y } = this.spot(event);
    const { view, drag } = this;
    this.pointers.delete(event.pointerId);
    if (view.range) {
      const [from, to] = view.range.map((edge) => view.time(edge));
      view.range = null;
      this.page.glide(from, to);
    } else if (drag && !drag.far && event.type === "pointerup") this.page.click(x, y);
    this.page.dirty();
  }

  leave() {
    if (this.pointers.size > 0) return;
    this.page.pointAway();
  }

  twice(event) {
    const { x, y } = this.spot(event);
    if (x < this.view.labels) return;
    const lane = this.view.laneAt(y);
    const span = lane?.spanAt(this.view.time(x)) ?? NONE;
    if (span !== NONE) this.page.zoomTo(lane, span);
    else this.page.zoomBy(0.4, x);
  }

  // With Ctrl, or by a pinch on a trackpad, the wheel zooms about the cursor. Otherwise it pans along the time, or down the lanes if
  // they do not fit.
  wheel(event) {
    event.preventDefault();
    const { view } = this;
    const { x } = this.spot(event);
    const unit = event.deltaMode === 1 ? 16 : 1;
    const [across, down] = [event.deltaX * unit, event.deltaY * unit];
    view.gliding = null;
    if (event.ctrlKey || event.metaKey || event.altKey) view.zoom(Math.exp(Math.max(-60, Math.min(60, down)) * 0.008), x);
    else if (event.shiftKey) view.pan(across + down);
    else {
      const fits = view.total + 8 <= view.height - view.top;
      view.pan(fits ? across + down : across);
      if (!fits) view.scrollTo(view.scroll + down);
    }
    const { y } = this.spot(event);
    this.page.point(x, y, "mouse");
    this.page.dirty();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = event.target instanceof HTMLInputElement;
    if (inField) return;
    const onControl = event.target instanceof HTMLButtonElement;
    if (onControl && ["Enter", " ", "ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const action = this.actions()[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action === undefined) return;
    event.preventDefault();
    this.view.gliding = null;
    action();
    this.page.dirty();
  }

  actions() {
    const { page, view } = this;
    const middle = () => (view.hover && view.hover.time > view.from && view.hover.time < view.to ? view.x(view.hover.time) : view.labels + view.plot / 2);
    const pan = (part) => () => page.panBy(part * view.plot);
    const zoom = (factor) => () => page.zoomBy(factor, middle());
    return {
      ArrowLeft: pan(-0.15), a: pan(-0.15), ArrowRight: pan(0.15), d: pan(0.15),
      "+": zoom(0.6), "=": zoom(0.6), w: zoom(0.6), "-": zoom(1 / 0.6), s: zoom(1 / 0.6),
      ArrowUp: () => page.moveLane(-1), ArrowDown: () => page.moveLane(1),
      ",": () => page.step(-1), ".": () => page.step(1),
      n: () => page.stepFinding(1), p: () => page.stepFinding(-1),
      z: () => view.selected && view.selected.span !== NONE && page.zoomTo(view.selected.lane, view.selected.span),
      0: () => page.glide(view.low, view.high), Home: () => page.glide(view.low, view.high),
      f: () => page.toggleActive(),
      "/": () => document.getElementById("query").focus(),
      "?": () => page.toggleKeys(),
      Enter: () => view.hover && page.select(view.hover),
      Escape: () => page.letGo(),
    };
  }

  minimap(canvas) {
    let grip = null;
    const time = (event) => this.page.minimap.time(event.clientX - canvas.getBoundingClientRect().left);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      const { from, to } = this.view;
      const at = time(event);
      grip = at >= from && at <= to ? at - from : (to - from) / 2;
      this.slide(at - grip);
    });
    canvas.addEventListener("pointermove", (event) => grip !== null && this.slide(time(event) - grip));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (grip = null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { view } = this;
      view.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.008), view.x(time(event)));
      this.page.dirty();
    }, { passive: false });
  }

  slide(from) {
    const { view } = this;
    view.gliding = null;
    view.show(from, from + view.to - view.from);
    this.page.dirty();
  }
}
