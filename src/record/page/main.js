// The page, which joins its parts.

class Page {
  constructor(data) {
    this.model = new Model(data);
    this.findings = data.findings;
    this.teller = new Teller(this.model);
    this.view = new View(this.model);
    this.canvas = document.getElementById("timeline");
    this.sentence = document.getElementById("sentence");
    this.tip = document.getElementById("tip");
    this.painter = new Painter(this.canvas, this.view, this.teller, data.long);
    this.minimap = new Minimap(document.getElementById("minimap"), this.painter, this.findings);
    this.current = NONE;
    this.frames = 0;
    this.asked = false;
    this.isCalm = matchMedia("(prefers-reduced-motion: reduce)");
    this.summarise();
    this.panel = new Panel(this);
    this.search = new Search(this);
    this.input = new Input(this);
    this.buttons();
    this.idleSentence();
    new ResizeObserver(() => this.fit()).observe(document.getElementById("stage"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    this.fit();
    this.followHash();
    addEventListener("hashchange", () => this.followHash());
  }

  summarise() {
    const { model } = this;
    const [time, polls] = [[0, 0, 0], [...model.tasks.values()].reduce((sum, lane) => sum + lane.polls, 0)];
    const { loop } = model;
    for (let i = 0; i < loop.kinds.length; i++) time[loop.kinds[i]] += loop.ends[i] - loop.starts[i];
    const whole = model.end - model.begin;
    // In the order of `totals` in the data, which Rust has computed.
    const lanes = [...model.tasks.values()];
    this.totals = [polls, time[SPAN.poll], time[SPAN.look], time[SPAN.sleep], lanes.reduce((sum, lane) => sum + lane.readying, 0),
      lanes.reduce((most, lane) => Math.max(most, lane.longest), 0), lanes.reduce((most, lane) => Math.max(most, lane.slowest), 0)];
    document.getElementById("summary").textContent =
      `${span(whole)} · ${counted(model.tasks.size, "task")} · ${counted(polls, "poll")} · ${counted(model.events.count, "event")} · ` +
      `${percent(time[SPAN.poll], whole)} of the time in polls, ${percent(time[SPAN.look], whole)} in looks, ${percent(time[SPAN.sleep], whole)} asleep`;
  }

  buttons() {
    const press = (id, action) => document.getElementById(id).addEventListener("click", action);
    const middle = () => this.view.labels + this.view.plot / 2;
    press("zoom-in", () => this.zoomBy(0.5, middle()));
    press("zoom-out", () => this.zoomBy(2, middle()));
    press("whole", () => this.glide(this.view.low, this.view.high));
    press("active", () => this.toggleActive());
    press("help", () => this.toggleKeys());
  }

  toggleActive() {
    this.view.toggleActive();
    document.getElementById("active").setAttribute("aria-pressed", String(this.view.only !== null));
    this.dirty();
  }

  toggleKeys() {
    const keys = document.getElementById("keys");
    keys.hidden = !keys.hidden;
    document.getElementById("help").setAttribute("aria-expanded", String(!keys.hidden));
  }

  fit() {
    this.painter.fit();
    this.minimap.fit();
    this.dirty();
  }

  recolour() {
    this.painter.readColours();
    this.minimap.paint();
    this.dirty();
  }

  // Asks for one frame. Further calls before that frame do nothing.
  dirty() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((now) => {
      this.asked = false;
      this.frame(now);
    });
  }

  frame(now) {
    const { gliding } = this.view;
    if (gliding) {
      gliding.begin ??= now;
      const part = Math.min(1, (now - gliding.begin) / 220);
      const eased = 1 - (1 - part) ** 3;
      const between = (from, to) => from + (to - from) * eased;
      this.view.show(between(gliding.from[0], gliding.to[0]), between(gliding.from[1], gliding.to[1]));
      if (part === 1) this.view.gliding = null;
      else this.dirty();
    }
    this.painter.draw();
    this.minimap.draw();
    this.frames += 1;
  }

  glide(from, to) {
    if (this.isCalm.matches) this.view.show(from, to);
    else this.view.gliding = { from: [this.view.from, this.view.to], to: [from, to], begin: null };
    this.dirty();
  }

  zoomBy(factor, x) {
    this.view.zoom(factor, x);
    this.dirty();
  }

  panBy(pixels) {
    this.view.pan(pixels);
    this.dirty();
  }

  // The pointer is at this place.
  point(x, y, how) {
    const { view } = this;
    const lane = view.laneAt(y);
    if (lane === null) return this.pointAway();
    const time = Math.max(view.from, Math.min(view.time(Math.max(x, view.labels)), view.to));
    const span = x < view.labels ? NONE : this.near(lane, time);
    view.hover = { lane, time, span };
    this.say(how === "mouse" ? "off" : "polite");
    this.showTip(x, y);
    this.dirty();
  }

  // The span at this time, or a span within three pixels of it.
  near(lane, time) {
    const reach = 3 / this.view.scale;
    const here = lane.spanAt(time);
    const isSolid = (i) => i !== NONE && lane.kinds[i] !== SPAN.wait;
    if (isSolid(here)) return here;
    for (const shift of [reach / 2, -reach / 2, reach, -reach]) {
      const there = lane.spanAt(time + shift);
      if (isSolid(there)) return there;
    }
    return here;
  }

  pointAway() {
    this.view.hover = null;
    this.tip.hidden = true;
    this.idleSentence();
    this.dirty();
  }

  idleSentence() {
    const { selected } = this.view;
    this.sentence.textContent = selected ? this.teller.at(selected.lane, selected.time)
      : "The loop polls one task at a time. The top lane shows which. Point at a bar, and this line says what happens there.";
  }

  say(politeness = "polite") {
    const { hover } = this.view;
    this.sentence.setAttribute("aria-live", politeness);
    const inside = hover.span === NONE ? hover.time : Math.max(hover.lane.starts[hover.span], Math.min(hover.time, hover.lane.ends[hover.span]));
    this.sentence.textContent = this.teller.at(hover.lane, inside);
  }

  showTip(x, y) {
    const { hover } = this.view;
    this.tip.hidden = hover.span === NONE;
    if (this.tip.hidden) return;
    const { lane, span: i } = hover;
    const name = lane.kind === "loop" && lane.kinds[i] === SPAN.poll ? this.teller.task(this.teller.polled(i)) : this.teller.lane(lane);
    const kind = lane.kind === "loop" && lane.kinds[i] !== SPAN.poll ? this.teller.kind(lane, i).replace("the loop ", "") : this.teller.kind(lane, i);
    this.tip.textContent = `${name}: ${kind} ${span(lane.ends[i] - lane.starts[i])}`;
    const left = Math.min(x + 14, this.view.width - this.tip.offsetWidth - 4);
    const below = y + 22 + this.tip.offsetHeight < this.view.height;
    this.tip.style.transform = `translate(${Math.max(0, left)}px, ${below ? y + 18 : y - this.tip.offsetHeight - 10}px)`;
  }

  click(x, y) {
    const { view } = this;
    const row = y >= view.top ? view.rowAt(y) : null;
    if (row?.heading) {
      if (!view.closed.delete(row.heading)) view.closed.add(row.heading);
      view.layOut();
      return;
    }
    const lane = view.laneAt(y);
    if (lane === null) return;
    const time = view.time(Math.max(x, view.labels));
    this.select({ lane, time, span: x < view.labels ? NONE : this.near(lane, time) });
  }

  select(spot) {
    this.view.selected = spot;
    this.panel.fillDetails(spot);
    if (spot.span !== NONE) this.panel.choose(this.panel.tabs[2]);
    this.sentence.setAttribute("aria-live", "polite");
    this.idleSentence();
    this.dirty();
  }

  letGo() {
    this.view.selected = null;
    this.view.hover = null;
    this.current = NONE;
    this.tip.hidden = true;
    this.panel.fillDetails(null);
    this.panel.mark(NONE);
    this.idleSentence();
  }

  // On a narrow page the timeline may be outside of the window, above or below.
  comeBack() {
    const { top, bottom } = this.canvas.getBoundingClientRect();
    if (top >= 0 && bottom <= innerHeight + 1) return;
    this.sentence.scrollIntoView({ block: "start", behavior: this.isCalm.matches ? "auto" : "smooth" });
  }

  // Brings a time of a lane into view, and selects it.
  jump(wanted, time) {
    const { view } = this;
    const lane = wanted.within;
    view.reveal(lane);
    const length = view.to - view.from;
    const span = lane.spanAt(time);
    view.selected = view.hover = { lane, time, span };
    this.panel.fillDetails(view.selected);
    this.say();
    this.comeBack();
    if (time < view.from + length * 0.1 || time > view.to - length * 0.1) this.glide(time - length / 2, time + length / 2);
    this.dirty();
  }

  zoomTo(lane, i) {
    this.view.reveal(lane);
    const length = Math.max(lane.ends[i] - lane.starts[i], 400);
    this.glide(lane.starts[i] - length * 0.6, lane.ends[i] + length * 0.6);
  }

  showLane(lane) {
    this.view.reveal(lane);
    const first = lane.kinds.indexOf(SPAN.run);
    const time = lane.starts[Math.max(0, first)] ?? this.model.begin;
    this.jump(lane, time);
  }

  showFinding(i) {
    const finding = this.findings[i];
    this.current = i;
    const { model, view } = this;
    const lane = finding.task !== null ? model.task(finding.task) : finding.kind === "late" ? model.timers : model.loop;
    const length = Math.max(finding.until - finding.at, (view.high - view.low) / 2000, 1000);
    view.reveal(lane);
    const time = (finding.at + finding.until) / 2;
    view.selected = view.hover = { lane, time, span: lane.spanAt(time) };
    this.panel.fillDetails(view.selected);
    this.panel.mark(i);
    this.say();
    this.comeBack();
    this.glide(finding.at - length * 0.7, finding.until + length * 0.7);
  }

  stepFinding(by) {
    const { length } = this.findings;
    if (length === 0) return;
    this.panel.choose(this.panel.tabs[0]);
    this.showFinding(this.current === NONE ? (by > 0 ? 0 : length - 1) : (this.current + by + length) % length);
  }

  moveLane(by) {
    const { view } = this;
    const order = view.order();
    const spot = view.hover ?? view.selected;
    const place = spot ? order.indexOf(spot.lane) + by : 0;
    const lane = order[Math.max(0, Math.min(place, order.length - 1))];
    const time = spot ? Math.max(view.from, Math.min(spot.time, view.to)) : (view.from + view.to) / 2;
    this.jump(lane, time);
  }

  // Goes to the next span of the lane that is not a wait.
  step(by) {
    const { view } = this;
    const spot = view.hover ?? view.selected;
    if (!spot) return this.moveLane(0);
    const { lane } = spot;
    let i = spot.span === NONE ? lane.firstAt(spot.time) - (by > 0 ? 1 : 0) : spot.span;
    do i += by;
    while (i >= 0 && i < lane.kinds.length && lane.kinds[i] === SPAN.wait);
    if (i < 0 || i >= lane.kinds.length) return;
    this.jump(lane, (lane.starts[i] + lane.ends[i]) / 2);
    view.selected = view.hover = { ...view.hover, span: i };
  }

  // The lane in which an event is drawn.
  laneOf(i) {
    const { model } = this;
    const { code, a } = model.events;
    switch (code[i]) {
      case CODE.spawn: case CODE.wake: case CODE.poll: case CODE.waits: case CODE.finish: case CODE.abort: case CODE.budget_spent:
        return model.task(a[i]);
      case CODE.arm: case CODE.fire: case CODE.disarm: return model.timers;
      case CODE.ready: return model.sockets.get(a[i])?.within ?? model.loop;
      case CODE.job_begins: return model.threads.get(model.events.b[i]) ?? model.loop;
      case CODE.job_ends: return this.threadOf(i) ?? model.loop;
      case CODE.awaits: return this.pollerAt(model.events.at[i]) ?? model.loop;
      case CODE.slow: return model.tasks.get(a[i]) ?? model.loop;
      case CODE.submit: return this.pollerAt(model.events.at[i]) ?? model.loop;
      case CODE.mail: return model.others;
      default: return model.loop;
    }
  }

  // The thread whose job ends with this event.
  threadOf(i) {
    const time = this.model.events.at[i];
    return [...this.model.threads.values()].find((lane) => lane.to[lane.firstAt(time)] === i);
  }

  // The task that has the thread at this time.
  pollerAt(time) {
    const { loop } = this.model;
    const i = loop.spanAt(time);
    return i !== NONE && loop.kinds[i] === SPAN.poll ? this.model.task(this.teller.polled(i)) : undefined;
  }

  // The address "page.html#finding-2" opens the page at the second finding.
  followHash() {
    const place = Number(location.hash.match(/^#finding-(\d+)$/)?.[1] ?? 0) - 1;
    if (this.findings[place]) this.showFinding(place);
  }
}

window.recording = new Page(JSON.parse(document.getElementById("recording").textContent));
