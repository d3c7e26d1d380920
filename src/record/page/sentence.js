// What happened, in words: a sentence for each moment of each lane, and the facts about a span.

class Teller {
  constructor(model) {
    this.model = model;
    this.events = model.events;
  }

  // "task 3 'server'"
  task(number) {
    const name = this.model.info.get(number)?.name;
    return name ? `task ${number} '${name}'` : `task ${number}`;
  }

  lane(lane) {
    switch (lane.kind) {
      case "loop": return "the loop";
      case "timers": return "the timers";
      case "others": return "other threads";
      case "socket": return `socket ${lane.number}`;
      case "sockets": return `${number(lane.number)} sockets`;
      case "thread": return `pool thread ${lane.number}`;
      default: return this.task(lane.number);
    }
  }

  // The cause of a wake or of a spawn.
  cause(wake) {
    const { code, a, b, c } = this.events;
    if (code[wake] === CODE.spawn) return b[wake] >= 0 ? `its spawn by ${this.task(b[wake])}` : "its spawn";
    switch (b[wake]) {
      case CAUSE.task: return c[wake] === a[wake] ? "itself" : this.task(c[wake]);
      case CAUSE.timer: return "a timer";
      case CAUSE.source: return `socket ${c[wake]}`;
      case CAUSE.thread: return "another thread";
      case CAUSE.job: return `job ${c[wake]}`;
      default: return "code outside of all tasks";
    }
  }

  // The wake that ends a wait, if the recording has it.
  wokenBy(lane, i) {
    const to = lane.to[i];
    return to !== NONE && this.events.code[to] === CODE.wake ? to : NONE;
  }

  // What a task waits for, by its own event.
  awaited(event) {
    const { a, b } = this.events;
    switch (a[event]) {
      case CAUSE.task: return `the end of ${this.task(b[event])}`;
      case CAUSE.source: return `socket ${b[event]}`;
      default: return `job ${b[event]}`;
    }
  }

  // What a task waits for, if no wake in the recording ends the wait: its own event says it, or else it armed a timer in the poll before.
  hint(lane, i) {
    const end = lane.from[i];
    const said = this.model.awaitsOf.get(end);
    if (said !== undefined) return this.awaited(said);
    for (let event = end - 1; event >= 0 && this.events.code[event] !== CODE.poll; event--) {
      if (this.events.code[event] === CODE.arm) return "a timer, probably";
    }
    return "a wake that did not come";
  }

  waitsFor(lane, i) {
    const wake = this.wokenBy(lane, i);
    if (wake !== NONE) return this.cause(wake);
    return lane.from[i] === NONE ? "an unknown wake" : this.hint(lane, i);
  }

  // The step that has the thread at this time: as a sentence without a full stop, and the task if it is a poll.
  holder(time) {
    const { loop } = this.model;
    const i = loop.spanAt(time);
    if (i === NONE) return { text: "the loop is between two steps", task: null };
    const since = span(time - loop.starts[i]);
    if (loop.kinds[i] === SPAN.look) return { text: `the loop has looked at its sockets, timers and other threads for ${since}`, task: null };
    if (loop.kinds[i] === SPAN.sleep) return { text: `the loop has slept for ${since}`, task: null };
    const number = this.polled(i);
    return { text: `${this.task(number)} has held the thread for ${since}`, task: number };
  }

  // The task of a poll in the loop's lane.
  polled(i) {
    const { loop } = this.model;
    return this.events.a[loop.from[i] !== NONE ? loop.from[i] : loop.to[i]];
  }

  // The lanes of the tasks that are ready at this time, except the lane `but`.
  behind(time, but) {
    const waiting = [];
    for (const lane of this.model.tasks.values()) {
      const i = lane === but ? NONE : lane.spanAt(time);
      if (i !== NONE && lane.kinds[i] === SPAN.ready && lane.ends[i] > time) waiting.push(lane);
    }
    return waiting;
  }

  behindText(time, but) {
    const waiting = this.behind(time, but);
    if (waiting.length === 0) return "";
    const names = waiting.slice(0, 3).map((lane) => this.task(lane.number));
    const last = waiting.length > 3 ? `${waiting.length - 3} more` : names.pop();
    const all = names.length === 0 ? last : `${names.join(", ")} and ${last}`;
    return ` ${capital(all)} ${waiting.length === 1 ? "is ready and waits" : "are ready and wait"} for the thread.`;
  }

  at(lane, time) {
    const text = this.sentence(lane, time);
    return text === "" ? "" : capital(text);
  }

  sentence(lane, time) {
    switch (lane.kind) {
      case "loop": return this.loopAt(time);
      case "task": return this.taskAt(lane, time);
      case "thread": return this.threadAt(lane, time);
      default: return this.lastMark(lane, time);
    }
  }

  loopAt(time) {
    const { loop } = this.model;
    const i = loop.spanAt(time);
    if (i === NONE) return "the loop is between two steps.";
    const took = span(loop.ends[i] - loop.starts[i]);
    const since = span(time - loop.starts[i]);
    if (loop.kinds[i] === SPAN.look) return `the loop looks at its sockets, timers and other threads. The look takes ${took}.`;
    if (loop.kinds[i] === SPAN.poll) {
      return `the loop polls ${this.task(this.polled(i))}, which has held the thread for ${since} of ${took}.${this.behindText(time, null)}`;
    }
    const limit = loop.from[i] === NONE ? -1 : this.events.a[loop.from[i]];
    const most = limit < 0 ? "until something happens" : `for ${span(limit)} at most`;
    return `no task is ready. The loop has slept for ${since} of ${took}. It sleeps ${most}.`;
  }

  taskAt(lane, time) {
    const task = this.task(lane.number);
    const i = lane.spanAt(time);
    if (i === NONE) return this.absent(lane, task, time);
    const since = span(time - lane.starts[i]);
    const whole = span(lane.ends[i] - lane.starts[i]);
    if (lane.kinds[i] === SPAN.run) return `${task} has held the thread for ${since} of ${whole}.${this.behindText(time, lane)}`;
    if (lane.kinds[i] === SPAN.wait) {
      const wake = this.wokenBy(lane, i);
      const when = wake === NONE ? "" : ` The wake comes in ${span(lane.ends[i] - time)}.`;
      return `${task} has waited ${since} for ${this.waitsFor(lane, i)}.${when}`;
    }
    if (lane.kinds[i] === SPAN.due) {
      return `the timer of ${task} was due ${since} ago and has not fired yet. ${capital(this.holder(time).text)}.`;
    }
    return this.readyAt(lane, i, task, time);
  }

  readyAt(lane, i, task, time) {
    const since = span(time - lane.starts[i]);
    const wake = lane.from[i];
    const isSpawn = wake !== NONE && this.events.code[wake] === CODE.spawn;
    let how = `was woken ${since} ago by ${wake === NONE ? "" : this.cause(wake)}`;
    if (wake === NONE) how = `has been ready for ${since}`;
    else if (isSpawn) how = `was spawned ${since} ago`;
    return `${task} ${how} and waits for the thread. ${capital(this.holder(time).text)}.`;
  }

  absent(lane, task, time) {
    const { at, code, b } = this.events;
    if (lane.ended !== NONE && at[lane.ended] <= time) {
      return `${task} ${this.end(b[lane.ended], "was", "ended")} ${span(time - at[lane.ended])} ago.`;
    }
    const first = lane.starts[0];
    if (first === undefined || time < first) {
      const spawn = lane.marks.find((mark) => code[mark] === CODE.spawn);
      return spawn === undefined ? `${task} is not in the recording yet.` : `${task} will be spawned in ${span(at[spawn] - time)}.`;
    }
    return `the recording does not say what ${task} does here.`;
  }

  threadAt(lane, time) {
    const i = lane.spanAt(time);
    if (i === NONE) return `${this.lane(lane)} has no job.`;
    const since = span(time - lane.starts[i]);
    return `${this.lane(lane)} has run job ${this.events.a[lane.from[i]]} for ${since} of ${span(lane.ends[i] - lane.starts[i])}.`;
  }

  lastMark(lane, time) {
    const { at } = this.events;
    let last = NONE;
    for (const mark of lane.marks) {
      if (at[mark] > time) break;
      last = mark;
    }
    if (last === NONE) return `${this.lane(lane)}: no event yet.`;
    return `the last event here was ${span(time - at[last])} ago: ${this.event(last)}.`;
  }

  // One event, in words.
  event(i) {
    const { code, a, b, at } = this.events;
    const task = this.task(a[i]);
    switch (code[i]) {
      case CODE.park: return a[i] < 0 ? "the loop goes to sleep until something happens" : `the loop goes to sleep for ${span(a[i])} at most`;
      case CODE.unpark: return "the loop is awake again";
      case CODE.look: return "the loop begins to look";
      case CODE.look_ends: return "the look is over";
      case CODE.spawn: return b[i] >= 0 ? `${this.task(b[i])} spawns ${task}` : `${task} is spawned`;
      case CODE.wake: return this.cause(i) === "itself" ? `${task} wakes itself` : `${this.cause(i)} wakes ${task}`;
      case CODE.poll: return `${task} is polled`;
      case CODE.waits: return `the poll of ${task} returns, and the task waits`;
      case CODE.finish: return `${task} ${this.end(b[i], "is", "ends")}`;
      case CODE.abort: return `an abort of ${task} is requested`;
      case CODE.arm: return `a timer is armed for ${span(a[i])}`;
      case CODE.fire: return a[i] >= 1000 ? `a timer fires ${span(a[i])} late${this.heldAt(at[i] - a[i])}` : "a timer fires on time";
      case CODE.disarm: return "a timer is removed";
      case CODE.ready: return `socket ${a[i]} becomes ${["ready", "readable", "writable", "readable and writable"][b[i] & 3]}`;
      case CODE.submit: return `job ${a[i]} is handed to the pool`;
      case CODE.job_begins: return `pool thread ${b[i]} begins job ${a[i]}`;
      case CODE.job_ends: return `job ${a[i]} is done`;
      case CODE.mail: return "the loop runs a call from another thread";
      case CODE.awaits: return `the polled task begins to wait for ${this.awaited(i)}`;
      case CODE.slow: return `${a[i] < 0 ? "a look or a call" : task} held the thread for longer than slow_poll allows`;
      default: return `${task} has spent its budget of operations`;
    }
  }

  // "ends with a value", "was cancelled"
  end(end, be, ends) {
    return ENDS[end] === "cancelled" ? `${be} cancelled` : `${ends} ${ENDS[end]}`;
  }

  heldAt(time) {
    const { task } = this.holder(time);
    return task === null ? "" : `: ${this.task(task)} held the thread at its deadline`;
  }

  kind(lane, i) {
    return ["the loop sleeps", "the loop looks", "poll", "poll", "ready", "waits", "job", "late", "due, not fired yet"][lane.kinds[i]];
  }

  // The facts about one span: pairs of a label and a text, or of a label and several texts.
  facts(lane, i) {
    const kind = this.kind(lane, i);
    const facts = [["what", kind.startsWith("the loop ") ? kind : `${this.lane(lane)}: ${kind}`]];
    const task = lane.kind === "loop" && lane.kinds[i] === SPAN.poll ? this.polled(i) : lane.kind === "task" ? lane.number : null;
    if (task !== null) facts.push(...this.taskFacts(task));
    facts.push(["begins", moment(lane.starts[i], 1000)], ["lasts", span(lane.ends[i] - lane.starts[i])]);
    if (lane.kinds[i] === SPAN.wait) facts.push(["waits for", this.waitsFor(lane, i)]);
    if (lane.kinds[i] === SPAN.ready && lane.from[i] !== NONE) facts.push(["woken by", this.cause(lane.from[i])]);
    if (lane.kinds[i] === SPAN.run || lane.kinds[i] === SPAN.poll) facts.push(...this.pollFacts(lane, i));
    return facts;
  }

  taskFacts(number) {
    const { name, line, parent } = this.model.info.get(number) ?? {};
    const facts = [["task", name ? `${number} '${name}'` : String(number)]];
    if (line) facts.push(["spawned at", line]);
    if (parent !== null && parent !== undefined) facts.push(["spawned by", this.task(parent)]);
    return facts;
  }

  pollFacts(lane, i) {
    const facts = [];
    const arrow = this.model.arrowOf.get(lane.from[i]);
    if (arrow) {
      facts.push(["woken by", this.cause(arrow.wake)]);
      facts.push(["after", `${span(lane.starts[i] - this.events.at[arrow.wake])} in the ready queue`]);
    }
    const deeds = [];
    const [from, to] = [lane.from[i], lane.to[i] === NONE ? this.events.count : lane.to[i]];
    for (let event = from + 1; from !== NONE && event < to && deeds.length < 9; event++) deeds.push(capital(this.event(event)));
    if (to - from - 1 > 9) deeds.push(`and ${to - from - 10} more`);
    if (deeds.length > 0) facts.push(["events in it", deeds]);
    if (lane.to[i] !== NONE) facts.push(["ends", capital(this.event(lane.to[i]))]);
    return facts;
  }
}
