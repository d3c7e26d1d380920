// Replays the events into lanes: when each task had the thread, was ready or waited, and what woke it.
//
// A lane is a row of the page. Its spans do not overlap and are in the order of time, so bisection finds the spans that are in view.

const SPAN = { sleep: 0, look: 1, poll: 2, run: 3, ready: 4, wait: 5, job: 6, late: 7, due: 8 };
// If a timer fires later than this, its task is drawn as due from the deadline on.
const OVERDUE = 50_000;
// If there are more sockets than this, they share one lane.
const MOST_SOCKETS = 6;
const NONE = -1;

class Lane {
  constructor(kind, number) {
    this.kind = kind;
    this.number = number;
    // For each span: its times, its kind, and the events with which it begins and ends.
    this.starts = [];
    this.ends = [];
    this.kinds = [];
    this.from = [];
    this.to = [];
    // The events that take no time.
    this.marks = [];
    this.open = null;
    this.row = NONE;
    // The lane in which this one is drawn: another lane, if there are too many of this kind.
    this.within = this;
  }

  begin(kind, at, event) {
    this.finish(at, event);
    this.open = { kind, at, event };
  }

  finish(at, event) {
    if (this.open === null) return;
    const { kind, at: start, event: from } = this.open;
    this.open = null;
    this.add(kind, start, at, from, event);
  }

  add(kind, start, end, from, to) {
    const last = this.ends.length - 1;
    if (last >= 0) start = Math.max(start, this.ends[last]);
    this.starts.push(start);
    this.ends.push(Math.max(start, end));
    this.kinds.push(kind);
    this.from.push(from);
    this.to.push(to);
  }

  // No span is added after this.
  pack() {
    this.starts = Float64Array.from(this.starts);
    this.ends = Float64Array.from(this.ends);
    this.kinds = Uint8Array.from(this.kinds);
    this.from = Int32Array.from(this.from);
    this.to = Int32Array.from(this.to);
  }

  // The first span that ends at or after this time. If none does, the number of spans.
  firstAt(time) {
    let low = 0;
    let high = this.ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ends[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  spanAt(time) {
    const i = this.firstAt(time);
    // If two spans meet here, the later one.
    if (i + 1 < this.starts.length && this.starts[i + 1] <= time) return i + 1;
    return i < this.starts.length && this.starts[i] <= time ? i : NONE;
  }
}

class Model {
  constructor(data) {
    this.data = data;
    this.events = decode(data);
    const { at, count } = this.events;
    this.begin = count > 0 ? at.reduce((low, time) => Math.min(low, time), Infinity) : 0;
    this.end = count > 0 ? at.reduce((high, time) => Math.max(high, time), 0) : 1;
    if (this.end <= this.begin) this.end = this.begin + 1;
    this.loop = new Lane("loop", 0);
    this.timers = new Lane("timers", 0);
    this.others = new Lane("others", 0);
    this.crowd = new Lane("sockets", 0);
    // Key: the event that ends a poll. Value: the event that says what the task waits for.
    this.awaitsOf = new Map();
    this.sockets = new Map();
    this.threads = new Map();
    this.tasks = new Map();
    this.info = new Map();
    for (const [number, name, line, parent] of data.tasks) {
      this.info.set(number, { number, name, line, parent });
      this.task(number);
    }
    // For each arrow: the event and the lane where it begins, and the event and the lane where it ends.
    this.arrows = [];
    this.most = data.tasks.reduce((most, [number]) => Math.max(most, number), 0);
    // Key: the event of a wake or of a poll. Value: the arrow.
    this.arrowOf = new Map();
    this.replay();
  }

  task(number) {
    return this.lane(this.tasks, "task", number);
  }

  lane(map, kind, number) {
    let lane = map.get(number);
    if (lane === undefined) {
      lane = new Lane(kind, number);
      lane.polls = 0;
      lane.running = 0;
      lane.readying = 0;
      lane.longest = 0;
      lane.slowest = 0;
      lane.seen = false;
      lane.ended = NONE;
      lane.pending = null;
      lane.awaits = NONE;
      map.set(number, lane);
    }
    return lane;
  }

  lanes() {
    const outside = [];
    if (this.timers.marks.length > 0) outside.push(this.timers);
    if (this.crowd.marks.length > 0) outside.push(this.crowd);
    else outside.push(...inOrder(this.sockets));
    outside.push(...inOrder(this.threads));
    if (this.others.marks.length > 0) outside.push(this.others);
    return { outside, tasks: [...this.tasks.values()] };
  }

  replay() {
    const replay = new Replay(this);
    for (let i = 0; i < this.events.count; i++) replay.event(i);
    replay.end();
    if (this.sockets.size > MOST_SOCKETS) this.gatherSockets();
  }

  // Puts many sockets into one lane, so that the tasks stay in view.
  gatherSockets() {
    this.crowd.number = this.sockets.size;
    for (const socket of this.sockets.values()) {
      socket.within = this.crowd;
      this.crowd.marks.push(...socket.marks);
    }
    this.crowd.marks.sort((one, other) => one - other);
  }
}

const inOrder = (map) => [...map.values()].sort((one, other) => one.number - other.number);

// One pass over the events. A ring that has lost its oldest events may begin with the second half of a pair. A span whose beginning is
// lost begins with the recording.
class Replay {
  constructor(model) {
    this.model = model;
    this.events = model.events;
    this.running = null;
    this.jobs = new Map();
    // The timers that this look has fired and whose wakes are not replayed yet.
    this.fired = [];
  }

  event(i) {
    const at = this.events.at[i];
    const a = this.events.a[i];
    const { timers, others } = this.model;
    switch (this.events.code[i]) {
      case CODE.park: this.loopBegins(SPAN.sleep, at, i); break;
      case CODE.unpark: this.loopEnds(SPAN.sleep, at, i); break;
      case CODE.look:
        this.fired = [];
        this.loopBegins(SPAN.look, at, i);
        break;
      case CODE.look_ends: this.loopEnds(SPAN.look, at, i); break;
      case CODE.spawn: this.spawn(a, at, i); break;
      case CODE.wake: this.wake(a, at, i); break;
      case CODE.poll: this.poll(a, at, i); break;
      case CODE.waits: this.pollEnds(a, at, i, true); break;
      case CODE.finish: this.pollEnds(a, at, i, false); break;
      case CODE.abort: this.known(a, at).marks.push(i); break;
      case CODE.budget_spent: this.known(a, at).marks.push(i); break;
      case CODE.arm: timers.marks.push(i); break;
      case CODE.disarm: timers.marks.push(i); break;
      case CODE.fire:
        timers.add(SPAN.late, Math.max(at - a, this.model.begin), at, i, i);
        timers.marks.push(i);
        this.fired.push(i);
        break;
      case CODE.ready: this.model.lane(this.model.sockets, "socket", a).marks.push(i); break;
      case CODE.submit: this.submit(a, i); break;
      case CODE.job_begins: this.jobBegins(a, at, i); break;
      case CODE.job_ends: this.jobEnds(a, at, i); break;
      case CODE.mail: others.marks.push(i); break;
      case CODE.awaits:
        if (this.running !== null) this.running.awaits = i;
        break;
      case CODE.slow: (a >= 0 ? this.known(a, at) : this.model.loop).marks.push(i); break;
    }
  }

  // Ends the present step of the loop, even if its end was not recorded.
  loopBegins(kind, at, i) {
    if (this.running !== null) this.leave(at, i);
    this.model.loop.begin(kind, at, i);
  }

  loopEnds(kind, at, i) {
    const { loop, begin } = this.model;
    if (loop.open?.kind === kind) loop.finish(at, i);
    else if (loop.open === null && loop.ends.length === 0) loop.add(kind, begin, at, NONE, i);
  }

  // A task's lane. A task that is older than the first event is drawn as waiting until its own first event.
  known(number, at) {
    const lane = this.model.task(number);
    if (!lane.seen) {
      lane.seen = true;
      if (at > this.model.begin) lane.open = { kind: SPAN.wait, at: this.model.begin, event: NONE };
    }
    return lane;
  }

  spawn(number, at, i) {
    const lane = this.model.task(number);
    lane.seen = true;
    lane.ended = NONE;
    lane.marks.push(i);
    if (this.running === lane || lane.open?.kind === SPAN.ready) return;
    lane.begin(SPAN.ready, at, i);
    this.arrow(i, this.events.b[i] >= 0 ? this.model.task(this.events.b[i]) : this.model.loop, lane);
  }

  wake(number, at, i) {
    const lane = this.known(number, at);
    if (lane.ended !== NONE) return;
    if (this.isAwaited(lane, i)) lane.awaits = NONE;
    this.arrow(i, this.source(i), lane);
    if (this.events.b[i] === CAUSE.timer) this.overdue(lane, this.fired.shift(), at, i);
    if (lane.open?.kind === SPAN.run) lane.again = i;
    else if (lane.open?.kind !== SPAN.ready) lane.begin(SPAN.ready, at, i);
  }

  // Whether the task has recorded that it waits for the cause of this wake.
  isAwaited({ awaits }, wake) {
    const { a, b, c } = this.events;
    return awaits !== NONE && a[awaits] === b[wake] && b[awaits] === c[wake];
  }

  // A task whose timer was due before the look has waited for the loop since the deadline.
  overdue(lane, fire, at, i) {
    if (fire === undefined || lane.open?.kind !== SPAN.wait) return;
    const deadline = Math.max(at - this.events.a[fire], lane.open.at);
    if (at - deadline < OVERDUE) return;
    lane.finish(deadline, i);
    lane.open = { kind: SPAN.due, at: deadline, event: fire };
  }

  arrow(i, from, to) {
    if (to.pending !== null && to.open?.kind === SPAN.ready) return;
    to.pending = { wake: i, poll: NONE, from, to };
    this.model.arrows.push(to.pending);
    this.model.arrowOf.set(i, to.pending);
  }

  // The lane from which a wake comes.
  source(i) {
    const { events, model } = this;
    switch (events.b[i]) {
      case CAUSE.task: return model.task(events.c[i]);
      case CAUSE.timer: return model.timers;
      case CAUSE.source: return model.lane(model.sockets, "socket", events.c[i]);
      case CAUSE.thread: return model.others;
      case CAUSE.job: return this.jobs.get(events.c[i])?.lane ?? model.others;
      default: return model.loop;
    }
  }

  poll(number, at, i) {
    this.loopBegins(SPAN.poll, at, i);
    const lane = this.model.task(number);
    lane.seen = true;
    this.readyEnds(lane, at);
    lane.begin(SPAN.run, at, i);
    lane.again = NONE;
    lane.polls += 1;
    if (lane.pending !== null) {
      lane.pending.poll = i;
      this.model.arrowOf.set(i, lane.pending);
      lane.pending = null;
    }
    this.running = lane;
  }

  readyEnds(lane, at) {
    if (lane.open?.kind !== SPAN.ready) return;
    const waited = Math.max(0, at - lane.open.at);
    lane.readying += waited;
    lane.slowest = Math.max(lane.slowest, waited);
  }

  // Ends the present poll.
  leave(at, i) {
    const lane = this.running;
    this.running = null;
    const took = Math.max(0, at - (lane.open?.at ?? at));
    lane.running += took;
    lane.longest = Math.max(lane.longest, took);
    lane.finish(at, i);
    if (this.model.loop.open?.kind === SPAN.poll) this.model.loop.finish(at, i);
    return lane;
  }

  pollEnds(number, at, i, waits) {
    const lane = this.model.task(number);
    if (this.running === lane) this.leave(at, i);
    else if (this.running === null && !lane.seen) this.cutOff(lane, at, i);
    else lane.finish(at, i);
    lane.seen = true;
    if (waits) this.waits(lane, at, i);
    else {
      lane.marks.push(i);
      lane.ended = i;
      lane.pending = null;
    }
  }

  // The end of a poll whose beginning is lost.
  cutOff(lane, at, i) {
    const { loop, begin } = this.model;
    if (loop.ends.length > 0 || loop.open !== null) return;
    lane.add(SPAN.run, begin, at, NONE, i);
    loop.add(SPAN.poll, begin, at, NONE, i);
    lane.polls += 1;
    lane.running += at - begin;
    lane.longest = Math.max(lane.longest, at - begin);
  }

  waits(lane, at, i) {
    const again = lane.again ?? NONE;
    lane.again = NONE;
    if (lane.awaits !== NONE) this.model.awaitsOf.set(i, lane.awaits);
    lane.begin(again === NONE ? SPAN.wait : SPAN.ready, at, again === NONE ? i : again);
  }

  submit(number, i) {
    this.jobs.set(number, { submit: i, by: this.running, lane: null });
    (this.running ?? this.model.loop).marks.push(i);
  }

  jobBegins(number, at, i) {
    const lane = this.model.lane(this.model.threads, "thread", this.events.b[i]);
    const job = this.jobs.get(number) ?? { submit: NONE, by: null, lane: null };
    job.lane = lane;
    this.jobs.set(number, job);
    lane.begin(SPAN.job, at, i);
    if (job.submit === NONE) return;
    const arrow = { wake: job.submit, poll: i, from: job.by ?? this.model.loop, to: lane };
    this.model.arrows.push(arrow);
    this.model.arrowOf.set(i, arrow);
  }

  jobEnds(number, at, i) {
    this.jobs.get(number)?.lane?.finish(at, i);
  }

  end() {
    const { model } = this;
    if (this.running !== null) this.leave(model.end, NONE);
    for (const lane of model.tasks.values()) {
      this.readyEnds(lane, model.end);
      lane.finish(model.end, NONE);
    }
    for (const lane of [model.loop, ...model.threads.values()]) lane.finish(model.end, NONE);
    for (const lane of [model.loop, model.timers, ...model.threads.values(), ...model.tasks.values()]) lane.pack();
    model.arrows.sort((one, other) => one.wake - other.wake);
    for (const lane of model.tasks.values()) {
      if (!model.info.has(lane.number)) model.info.set(lane.number, { number: lane.number, name: null, line: null, parent: null });
    }
  }
}
